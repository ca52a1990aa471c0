// The life of a session in a tab: tickets, reloads, other tabs, storage.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  exchanged, openSession, page, pageURL, problem, refusal, session, Tab, ticket, token,
} from './fake-tab.mjs';

const titleOf = (tab) => tab.document.title;

test('exchanges a ticket and shows the first screen, with nothing in the address', async () => {
  const tab = await openSession();
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.equal(titleOf(tab), 'ask – Daylight');
  assert.deepEqual(tab.requests, ['v1/connect/tickets ticket', 'v1/connect session_start']);
  const [{ body: { tab: key, ...rest } }] = tab.calls;
  assert.deepEqual(rest, { ticket });
  assert.match(key, /^[\w-]{22}$/);
  assert.deepEqual(tab.kept, { tab: key, session, token, language: 'en' });
  assert.deepEqual(tab.entries.map(({ url }) => url), ['https://app.example.com/', pageURL, pageURL]);
  assert.doesNotMatch(titleOf(tab) + tab.text, /cot_|AAAAAAAA/);
});

test('the address is empty and the key is kept before the first call', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', 'never');
  await tab.open(`${pageURL}?lang=de#ticket=${ticket}`);
  assert.equal(tab.url, `${pageURL}?lang=de`);
  assert.deepEqual(tab.kept, { tab: tab.calls[0].body.tab, ticket });
  assert.equal(tab.calls[0].headers['Accept-Language'], 'de');
});

test('a reload whose answer was lost exchanges with the same key', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', 'never', exchanged);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.deepEqual(tab.calls[0].body, tab.calls[1].body);
});

test('a reload shows the current screen and exchanges nothing', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', page('other'));
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'other');
  assert.deepEqual(tab.requests.slice(2), ['v1/connect session_start']);
  assert.equal(tab.entries.length, 3);
});

test('the same launch URL in the same tab goes on', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.deepEqual(tab.requests.slice(2), ['v1/connect session_start']);
});

test('another launch URL in the same tab takes its place, with the same key', async () => {
  const tab = await openSession();
  const next = 'cs_other.BBBBBBBBBBBBBBBBBBBBBB';
  tab.answer('v1/connect/tickets', [200, { connect_token: 'cot_other', session: 'cs_other' }]);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${next}`);
  assert.equal(tab.kept.token, 'cot_other');
  assert.equal(tab.calls[2].body.tab, tab.calls[0].body.tab);
  assert.equal(tab.calls[3].body.connect_token, 'cot_other');
});

test('a launch URL in a document that is loaded loads it anew', async () => {
  const tab = await openSession();
  tab.entries[tab.index].url = `${pageURL}#ticket=${ticket}`;
  await tab.send('hashchange');
  assert.deepEqual(tab.departures, [['reload', `${pageURL}#ticket=${ticket}`]]);
});

test('a second tab with a used launch URL shows so, with a reference', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', problem('ticket_used', 409));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.equal(tab.screen.dataset.screen, 'failure');
  assert.equal(tab.screen.dataset.code, 'ticket_used');
  assert.match(tab.text, /req_3/);
  assert.throws(() => tab.button('retry'));
  await tab.press('page.back');
  assert.equal(tab.url, 'https://app.example.com/');
});

for (const [code, status] of [['ticket_used', 409], ['ticket_expired', 410]]) {
  test(`${code} is final`, async () => {
    const tab = new Tab();
    tab.answer('v1/connect/tickets', problem(code, status));
    await tab.open(`${pageURL}#ticket=${ticket}`);
    assert.equal(tab.screen.dataset.code, code);
    await tab.clock.pass(60_000);
    assert.equal(tab.calls.length, 1);
  });
}

test('a ticket that this node does not know yet is sent again, with the same key', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', problem('ticket_unknown', 404), problem('ticket_unknown', 404), exchanged);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.equal(tab.screen.dataset.screen, undefined);
  assert.equal(tab.kept.ticket, ticket, 'a reload meanwhile asks again');
  await tab.clock.pass(1500);
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.deepEqual(tab.calls.slice(0, 3).map(({ body }) => body), Array(3).fill(tab.calls[0].body));
  assert.equal(tab.kept.ticket, undefined);
});

test('a ticket that stays unknown is final after a few seconds', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', ...Array(5).fill(problem('ticket_unknown', 404)));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  await tab.clock.pass(5000);
  assert.equal(tab.screen.dataset.screen, undefined);
  await tab.clock.pass(500);
  assert.equal(tab.screen.dataset.code, 'ticket_unknown');
  assert.throws(() => tab.button('retry'));
  await tab.clock.pass(60_000);
  assert.equal(tab.calls.length, 5);
  assert.equal(tab.kept.ticket, undefined);
});

const other = { ticket: 'cs_other.BBBBBBBBBBBBBBBBBBBBBB', token: 'cot_other', session: 'cs_other' };

for (const [code, status] of [['ticket_unknown', 404], ['ticket_used', 409], ['ticket_expired', 410]]) {
  test(`a launch URL whose ticket is no good (${code}) costs the tab no session`, async () => {
    for (const [way, url] of [['reload'], ['return', `${pageURL}#fp_cot=${token}`]]) {
      const tab = await openSession();
      const before = tab.kept;
      tab.answer('v1/connect/tickets', ...Array(5).fill(problem(code, status)));
      await tab.open(`${pageURL}?lang=de#ticket=${other.ticket}&shell=1&handed=1`);
      await tab.clock.pass(6000);
      assert.equal(tab.screen.dataset.code, code);
      assert.deepEqual(tab.kept, before, way);
      tab.answer('v1/connect', page('tariff_summary'));
      tab.entries[tab.index].url = pageURL;
      await (url ? tab.open(url) : tab.load());
      assert.equal(tab.screen.dataset.screen, 'tariff_summary', way);
      assert.equal(tab.calls.at(-1).body.connect_token, token);
    }
  });
}

test('a launch URL whose ticket is no good leaves the window of a login what it is', async () => {
  const tab = new Tab();
  tab.stored.set('connect-bff:/bff/', JSON.stringify({ token, popup: '1', language: 'en' }));
  tab.answer('v1/connect/tickets', problem('ticket_used', 409));
  await tab.open(`${pageURL}#ticket=${other.ticket}`);
  assert.equal(tab.screen.dataset.code, 'ticket_used');
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.equal(tab.screen.dataset.screen, 'returned');
});

test('a ticket whose answer was lost is asked for by a reload, with its marks, beside a session that is held', async () => {
  const tab = await openSession();
  tab.answer('v1/connect/tickets', 'never', [200, { connect_token: other.token, session: other.session }]);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${other.ticket}&shell=1`);
  assert.equal(tab.kept.token, token);
  await tab.load();
  assert.deepEqual(tab.calls.at(-1).body.connect_token, other.token);
  assert.deepEqual(tab.calls[2].body, tab.calls[3].body);
  assert.deepEqual(tab.kept, {
    tab: tab.calls[0].body.tab, token: other.token, session: other.session, language: 'en', shell: '1',
  });
});

test('a return to the session that the tab holds comes before a ticket that waits, and ends it', async () => {
  const tab = await openSession();
  tab.answer('v1/connect/tickets', 'never');
  tab.answer('v1/connect', page('tariff_summary'), page('tariff_summary'));
  await tab.open(`${pageURL}#ticket=${other.ticket}`);
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.equal(tab.screen.dataset.screen, 'tariff_summary');
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'tariff_summary');
  assert.equal(tab.requests.filter((each) => each.includes('tickets')).length, 2);
});

test('a page of a proxy that refuses a ticket is not asked again', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', [403, '<html>Forbidden</html>']);
  await tab.open(`${pageURL}#ticket=${ticket}`);
  await tab.clock.pass(60_000);
  assert.equal(tab.screen.dataset.code, 'unexpected_error');
  assert.equal(tab.calls.length, 1);
});

test('a malformed ticket is not sent', async () => {
  for (const hash of ['ticket=x', `ticket=${ticket}&ticket=${ticket}`, `ticket=${ticket}&fp_cot=${token}`, 'fp_cot=']) {
    const tab = new Tab();
    await tab.open(`${pageURL}#${hash}`);
    assert.equal(tab.screen.dataset.code, 'ticket_unknown', hash);
    assert.equal(tab.url, pageURL);
    assert.deepEqual(tab.calls, []);
  }
});

test('waits out a store that is away, as long as the service says', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', problem('store_unavailable', 503, { 'retry-after': '3' }),
    problem('store_unavailable', 503, { 'retry-after': '3' }), exchanged);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.match(tab.text, /moment\.long/);
  await tab.clock.pass(2999);
  assert.equal(tab.calls.length, 1);
  await tab.clock.pass(3001);
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.equal(new Set(tab.calls.slice(0, 3).map(({ body }) => body.tab)).size, 1);
});

test('a store that stays away becomes a screen with a way on', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', ...Array(5).fill(problem('store_unavailable', 503)), exchanged);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  await tab.clock.pass(60_000);
  assert.equal(tab.screen.dataset.code, 'store_unavailable');
  assert.equal(tab.calls.length, 5);
  await tab.press('retry');
  assert.equal(tab.screen.dataset.screen, 'ask');
});

test('too many attempts wait for the customer, not before the service allows it', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', problem('rate_limited', 429, { 'retry-after': '30' }), exchanged);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.equal(tab.screen.dataset.code, 'rate_limited');
  await tab.clock.pass(29_000);
  assert.throws(() => tab.button('retry'));
  await tab.clock.pass(2000);
  await tab.press('retry');
  assert.equal(tab.screen.dataset.screen, 'ask');
});

test('a device without a connection goes on by itself when it has one', async () => {
  const tab = new Tab({ globals: { navigator: { onLine: false, languages: [] } } });
  tab.answer('v1/connect/tickets', 'refused', exchanged);
  tab.answer('v1/connect', page('ask'));
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.equal(tab.screen.dataset.code, 'offline');
  await tab.send('online');
  assert.equal(tab.screen.dataset.screen, 'ask');
  await tab.send('online');
  assert.equal(tab.calls.length, 3);
});

test('without storage a session lives in memory', async () => {
  const tab = await openSession({ isStorageRefused: true });
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.equal(tab.stored.size, 0);
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'nothing');
});

test('a return from the provider counts in the tab that holds the session, and leaves no token', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', page('tariff_summary'));
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.equal(tab.screen.dataset.screen, 'tariff_summary');
  assert.ok(tab.entries.every(({ url }) => !url.includes('cot_')));
});

test('a return of another session is not used, and the session of the tab stays', async () => {
  const tab = await openSession();
  tab.answer('v1/connect/tickets', [200, { object: 'connect_ticket', is_held: false }]);
  await tab.open(`${pageURL}#fp_cot=cot_other`);
  assert.equal(tab.screen.dataset.screen, 'foreign');
  assert.deepEqual(tab.calls.slice(2).map(({ body }) => body), [{ connect_token: 'cot_other', tab: tab.kept.tab }]);
  assert.equal(tab.kept.token, token);
  const other = new Tab();
  other.answer('v1/connect/tickets', problem('ticket_unknown', 404));
  await other.open(`${pageURL}#fp_cot=${token}`);
  assert.equal(other.screen.dataset.screen, 'foreign');
  assert.deepEqual(other.calls.map(({ body }) => body), [{ connect_token: token, tab: other.kept.tab }]);
  assert.match(other.kept.tab, /^[\w-]{22}$/);
  assert.notEqual(other.kept.tab, tab.kept.tab);
  assert.equal(other.url, pageURL);
});

test('an address without a session says so', async () => {
  const tab = new Tab();
  await tab.open(pageURL);
  assert.equal(tab.screen.dataset.screen, 'nothing');
  assert.deepEqual(tab.calls, []);
});

test('takes the language of the launch URL, keeps it, and ignores one that does not exist', async () => {
  const tab = new Tab();
  tab.language = 'fr';
  await tab.open(`${pageURL}?lang=xx`);
  assert.equal(tab.document.documentElement.lang, 'fr');
  await tab.open(`${pageURL}?lang=de-AT`);
  assert.equal(tab.document.documentElement.lang, 'de');
  await tab.open(pageURL);
  assert.equal(tab.document.documentElement.lang, 'de');
  // Another session begins without the wish of the one before.
  tab.answer('v1/connect/tickets', 'never');
  await tab.open(`${pageURL}#ticket=${ticket}`);
  assert.equal(tab.document.documentElement.lang, 'fr');
});

test('a session whose token expired leads back to the app', async () => {
  const tab = await openSession({}, refusal('connect_token_expired', 410));
  assert.equal(tab.screen.dataset.code, 'connect_token_expired');
  await tab.press('app.back');
  assert.deepEqual(tab.departures, [['replace', `https://connect.example.com/bff/v1/connect/callback?fp_cot=${token}&lang=en`]]);
});
