// How a session starts and resumes in BUSBAR, Flatpeak's API version 2026-08-01.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './assets.mjs';
import { openSession, page, pageURL, redirect, refusal, ticket } from './fake-tab.mjs';

const rules = await load('rules.js');
const version = '2026-08-01.busbar';

test('a start names its flow from BUSBAR on, and older versions know one step', () => {
  const start = { route: 'session_start' };
  for (const [name, isStarted, step] of [
    ['2024-08-24.zero', false, start], ['2025-09-14.anode', false, start], ['2025-09-14.anode', true, start],
    [undefined, true, start], [version, false, { ...start, action: 'TARIFF' }],
    [version, true, { route: 'session_restore' }], ['2027-01-01.yotta', true, { route: 'session_restore' }],
  ]) assert.deepEqual(rules.startOf(name, isStarted), step, `${name} ${isStarted}`);
});

const steps = (tab) => tab.calls.filter(({ path }) => path === 'v1/connect').map(({ body }) =>
  [body.route, body.action].filter(Boolean).join(' '));

test('a session starts once, and a reload resumes it', async () => {
  const tab = await openSession({ version });
  assert.deepEqual(steps(tab), ['session_start TARIFF']);
  assert.equal(tab.kept.started, '1');
  tab.answer('v1/connect', page('other'));
  await tab.load();
  assert.deepEqual(steps(tab).slice(1), ['session_restore']);
  assert.equal(tab.screen.dataset.screen, 'other');
});

test('a start whose answer was lost is sent again, by a reload, too', async () => {
  const tab = await openSession({ version }, 'never');
  tab.answer('v1/connect', page('ask'));
  await tab.load();
  assert.deepEqual(steps(tab), ['session_start TARIFF', 'session_start TARIFF']);
  assert.equal(tab.screen.dataset.screen, 'ask');
});

test('a session that cannot be resumed is started', async () => {
  const tab = await openSession({ version });
  tab.answer('v1/connect', refusal('route_invalid'), page('ask'));
  await tab.load();
  assert.deepEqual(steps(tab).slice(1), ['session_restore', 'session_start TARIFF']);
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.doesNotMatch(tab.text, /moved\.note/);
});

test('a session that is neither resumed nor started ends in an error, and asks no more', async () => {
  const tab = await openSession({ version });
  tab.answer('v1/connect', refusal('route_invalid'), refusal('route_invalid'));
  await tab.load();
  assert.equal(steps(tab).length, 3);
  assert.equal(tab.screen.dataset.code, 'route_invalid');
});

test('another window was faster: the page asks where the session is, by resuming it', async () => {
  const tab = await openSession({ version });
  tab.answer('v1/connect', refusal('route_invalid'), page('other'));
  await tab.press('submit');
  assert.deepEqual(steps(tab).slice(1), ['ask', 'session_restore']);
  assert.match(tab.text, /moved\.note/);
});

test('a document that a session was handed over to resumes it', async () => {
  const tab = await openSession({ version });
  tab.answer('v1/connect/tickets', [200, { connect_token: 'cot_other', session: 'cs_other' }]);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket.replace(/^cs_\w+/, 'cs_other')}&handed=1`);
  assert.deepEqual(steps(tab).slice(1), ['session_restore']);
  assert.equal(tab.kept.started, '1');
});

test('a session of another ticket in the same tab is started', async () => {
  const tab = await openSession({ version });
  tab.answer('v1/connect/tickets', [200, { connect_token: 'cot_other', session: 'cs_other' }]);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket.replace(/^cs_\w+/, 'cs_other')}`);
  assert.deepEqual(steps(tab).slice(1), ['session_start TARIFF']);
});

test('back from a provider, the page resumes', async () => {
  const tab = await openSession({ version });
  tab.answer('v1/connect', redirect('https://provider.example/?fp_cot=cot_1'));
  await tab.press('submit');
  assert.equal(tab.departures[0][0], 'assign');
  tab.answer('v1/connect', page('other'));
  await tab.load();
  assert.deepEqual(steps(tab).slice(1), ['ask', 'session_restore']);
});

test('a report is thanked for, and its withdrawal is confirmed', async () => {
  for (const [action, words] of [
    ['CREATE_ISSUE_REPORT', /report\.thanks/], ['UPDATE_ISSUE_REPORT', /report\.thanks/], ['CANCEL_ISSUE_REPORT', /report\.withdrawn/],
  ]) {
    const tab = await openSession({ version }, page('ask', {}, [action]));
    tab.answer('v1/connect', page('ask', {}, [action]));
    await tab.press(action);
    assert.match(tab.text, words);
  }
});
