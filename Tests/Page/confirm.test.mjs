// The end of a session that needs a confirmation: who asks for its code, and where it goes.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  callbackURL, exchangedToConfirm as exchange, openSession, page, pageURL, problem, redirect, session, settled, Tab, token,
} from './fake-tab.mjs';

const code = 'AAECAwQFBgcICQoLDA0ODw';
const next = 'EBESExQVFhcYGRobHB0eHw';
const end = `${callbackURL}?fp_cot=${token}`;
const returnURL = (value) => `https://app.example.com/done?session=${session}&status=connected&code=${value}`;
const ended = (value) => [200, { session, status: 'connected', code: value, return_url: returnURL(value) }];
const app = 'https://app.example.com';

class FakePort {
  said = [];
  postMessage(data) { this.said.push(data); }
}

async function openFrame(options) {
  const parent = { postMessage() {} };
  const tab = await openSession({ origins: [app], parent, exchange, ...options });
  tab.port = new FakePort();
  await tab.send('message', { source: parent, origin: app, data: { type: 'connect-bff:port' }, ports: [tab.port] });
  return tab;
}

test('the document asks for the code with its key, and takes it to the return URL', async () => {
  const tab = await openSession({ exchange });
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', ended(code));
  await tab.press('close');
  const { path, method, body, headers } = tab.calls.at(-1);
  assert.deepEqual([path, method], ['v1/connect/callback', 'POST']);
  assert.deepEqual(body, { connect_token: token, tab: tab.calls[0].body.tab });
  assert.equal(headers['Content-Type'], 'application/json');
  assert.deepEqual(tab.departures, [['replace', returnURL(code)]]);
  assert.equal(tab.kept.token, undefined);
  assert.doesNotMatch(JSON.stringify(tab.kept), new RegExp(code), 'the code is kept nowhere');
});

test('a further visit of the same tab takes a fresh code along', async () => {
  const tab = await openSession({ exchange });
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', ended(code), ended(next));
  await tab.press('close');
  tab.index = 2;
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'ended');
  await tab.press('app.back');
  await settled();
  assert.deepEqual(tab.calls.at(-1).body, { connect_token: token, tab: tab.kept.tab });
  assert.deepEqual(tab.departures.at(-1), ['replace', returnURL(next)]);
});

test('a further visit that gets no answer leads to the callback, which says what is wrong', async () => {
  const tab = await openSession({ exchange });
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', ended(code), problem('connect_token_unknown', 404));
  await tab.press('close');
  await tab.load();
  await tab.press('app.back');
  await settled();
  assert.deepEqual(tab.departures.at(-1), ['replace', `${end}&lang=en`]);
});

test('a lost answer is asked for again, and a failure has ways on', async () => {
  const tab = await openSession({ exchange });
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', 'refused', problem('store_unavailable', 503, { 'retry-after': '1' }), ended(code));
  await tab.press('close');
  await tab.clock.pass(10_000);
  assert.deepEqual(tab.departures, [['replace', returnURL(code)]]);

  const failing = await openSession({ exchange });
  failing.answer('v1/connect', redirect(end));
  failing.answer('v1/connect/callback', problem('internal_error', 500), ended(code));
  await failing.press('close');
  assert.equal(failing.screen.dataset.code, 'finish');
  await failing.press('app.back');
  assert.deepEqual(failing.departures, [['replace', `${end}&lang=en`]]);
});

test('a return URL that could run a script is not followed', async () => {
  for (const url of ['javascript:alert(1)', 'data:text/html,x', 'not a URL', 7]) {
    const tab = await openSession({ exchange });
    tab.answer('v1/connect', redirect(end));
    tab.answer('v1/connect/callback', [200, { session, status: 'connected', code, return_url: url }]);
    await tab.press('close');
    assert.deepEqual(tab.departures, [['replace', `${end}&lang=en`]], String(url));
  }
});

test('a deep link is followed', async () => {
  const tab = await openSession({ exchange });
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', [200, { session, status: 'connected', code, return_url: `myapp://done?code=${code}` }]);
  await tab.press('close');
  assert.deepEqual(tab.departures, [['replace', `myapp://done?code=${code}`]]);
});

test('connect.js gets the code over its port, and a native shell in its message', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', ended(code));
  await tab.press('close');
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected', code });

  const said = [];
  const globals = { webkit: undefined, ReactNativeWebView: { postMessage: (text) => said.push(text) }, ConnectBFF: undefined };
  const shell = await openSession({ shell: true, globals, exchange });
  shell.answer('v1/connect', redirect(end));
  shell.answer('v1/connect/callback', ended(code));
  await shell.press('close');
  assert.deepEqual(said.map((text) => JSON.parse(text)), [{ type: 'connect-bff', session, status: 'connected', code }]);
});

test('while Flatpeak has not said the result, the callback is asked again, within a bound', async () => {
  const early = [200, { session, status: 'active' }];
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', early, early, ended(code));
  await tab.press('close');
  await tab.clock.pass(10_000);
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected', code });

  const late = await openFrame();
  late.answer('v1/connect', redirect(end));
  late.answer('v1/connect/callback', ...Array(9).fill(early));
  await late.press('close');
  await late.clock.pass(60_000);
  assert.deepEqual(late.port.said.at(-1), { type: 'end', session, status: 'active' });
  assert.ok(late.calls.filter(({ path }) => path === 'v1/connect/callback').length < 6);

  // Without a result there is no code to wait for.
  const none = await openFrame();
  none.answer('v1/connect', redirect(end));
  none.answer('v1/connect/callback', [200, { session, status: 'abandoned' }]);
  await none.press('close');
  assert.deepEqual(none.port.said.at(-1), { type: 'end', session, status: 'abandoned' });
});

test('a result that the document has shown is waited for, even while the service calls the session abandoned', async () => {
  const early = [200, { session, status: 'abandoned' }];
  for (const route of ['tariff_summary', 'tariffs_summary', 'tariff_connection_pending']) {
    const tab = await openFrame();
    tab.answer('v1/connect', page(route), redirect(end));
    tab.answer('v1/connect/callback', early, early, ended(code));
    await tab.press('submit');
    assert.equal(tab.screen.dataset.screen, route);
    await tab.press('close');
    await tab.clock.pass(10_000);
    assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected', code }, route);
  }
  const late = await openFrame();
  late.answer('v1/connect', page('tariff_summary'), redirect(end));
  late.answer('v1/connect/callback', ...Array(9).fill(early));
  await late.press('submit');
  await late.press('close');
  await late.clock.pass(60_000);
  assert.deepEqual(late.port.said.at(-1), { type: 'end', session, status: 'abandoned' });
});

test('a dialog that is left after a failed callback can still end its session in this tab', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', problem('internal_error', 500), ended(code));
  await tab.press('close');
  await tab.press('app.leave');
  assert.deepEqual(tab.port.said.at(-1), { type: 'close', session, status: null });
  await tab.load();
  await tab.clock.pass(2000);
  assert.equal(tab.screen.dataset.screen, 'ended');
  await tab.press('app.back');
  await settled();
  assert.deepEqual(tab.departures.at(-1), ['replace', returnURL(code)]);
});

test('an embedded document whose code was lost gives another one when it is opened again', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', ended(code), ended(next));
  await tab.press('close');
  assert.equal(tab.kept.token, undefined);
  assert.doesNotMatch(JSON.stringify(tab.kept), new RegExp(code), 'the code is kept nowhere');
  await tab.load();
  await tab.clock.pass(2000);
  assert.equal(tab.screen.dataset.screen, 'ended');
  await tab.press('app.back');
  await settled();
  assert.deepEqual(tab.departures.at(-1), ['replace', returnURL(next)]);
});

test('an opener that closes waits for the code that is on its way', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', 'refused', ended(code));
  tab.port.onmessage({ data: { type: 'close' } });
  await settled();
  tab.port.onmessage({ data: { type: 'close' } });
  assert.ok(tab.port.said.some(({ type }) => type === 'ending'));
  await tab.clock.pass(2000);
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected', code });

  const slow = await openFrame();
  slow.answer('v1/connect', 'never');
  slow.port.onmessage({ data: { type: 'close' } });
  await slow.clock.pass(7500);
  assert.deepEqual(slow.port.said.at(-1), { type: 'close', session, status: null });
});

test('where windows are blocked, the session is not handed over', async () => {
  const choices = page('provider_select', { providers: [{ id: 'prv_1', display_name: 'Loch' }], answer: { provider: { id: 'prv_1' } } });
  const parent = { postMessage() {} };
  const tab = await openSession({ origins: [app], parent, exchange, open: () => null }, choices);
  tab.port = new FakePort();
  await tab.send('message', { source: parent, origin: app, data: { type: 'connect-bff:port' }, ports: [tab.port] });
  tab.answer('v1/connect', redirect('https://provider.example/?fp_cot=cot_1'));
  await tab.press('submit');
  const calls = tab.calls.length;
  await tab.press('login.go Loch');
  assert.equal(tab.calls.length, calls, 'no ticket is asked for');
  assert.equal(tab.screen.dataset.screen, 'provider_login');
  assert.match(tab.text, /login\.blocked_here/);
});

test('a token that comes back in another tab is reported, once it is there, and again where that failed', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', 'refused', [200, { object: 'connect_ticket', is_held: false }]);
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.equal(tab.screen.dataset.screen, 'foreign');
  await tab.clock.pass(3000);
  const bodies = tab.calls.map(({ body }) => body);
  assert.deepEqual(bodies, [bodies[0], bodies[0]]);
  assert.deepEqual(bodies[0], { connect_token: token, tab: tab.kept.tab });
});

test('a report that a limit refuses is sent again, as late as the service asks, and not for ever', async () => {
  const limit = (seconds) => problem('rate_limited', 429, { 'retry-after': String(seconds) });
  const tab = new Tab();
  tab.answer('v1/connect/tickets', limit(20), limit(1), [200, { object: 'connect_ticket', is_held: false }]);
  await tab.open(`${pageURL}#fp_cot=${token}`);
  await tab.clock.pass(19_000);
  assert.equal(tab.calls.length, 1);
  await tab.clock.pass(10_000);
  assert.equal(tab.calls.length, 3);
  await tab.clock.pass(600_000);
  assert.equal(tab.calls.length, 3);

  const full = new Tab();
  full.answer('v1/connect/tickets', ...Array(60).fill(limit(1)));
  await full.open(`${pageURL}#fp_cot=${token}`);
  await full.clock.pass(3_600_000);
  assert.ok(full.calls.length > 8 && full.calls.length < 30, String(full.calls.length));
});

test('a token that comes back in another tab is reported before anything is waited for, and survives the tab', async () => {
  // An opener that never answers, as the window of a login has.
  const tab = new Tab({ origins: [app], opener: { postMessage() {} } });
  tab.answer('v1/connect/tickets', [200, { object: 'connect_ticket', is_held: false }]);
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.deepEqual(tab.calls.map(({ path, keepalive }) => [path, keepalive]), [['v1/connect/tickets', true]]);
});

test('a login window whose browser keeps nothing reports nothing, and closes', async () => {
  const tab = new Tab({ isStorageRefused: true });
  tab.answer('v1/connect/tickets', [200, { object: 'connect_ticket', is_held: false }]);
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.deepEqual(tab.calls, []);
  assert.equal(tab.screen.dataset.screen, 'returned');
  assert.equal(tab.isClosed, true);
});
