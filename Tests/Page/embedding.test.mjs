// The page in a frame, a window or a web view, and provider logins in windows of their own.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import {
  callbackURL, exchanged, openSession, page, pageURL, problem, publicURL, redirect, refusal, session, settled, Tab, ticket, token,
} from './fake-tab.mjs';

const app = 'https://app.example.com';
const end = `${callbackURL}?fp_cot=${token}`;
const provider = 'https://provider.example/?fp_cot=cot_1';
const own = new URL(pageURL).origin;

/** A window that keeps what is posted to it. */
const fakeWindow = (properties = {}) => ({
  posted: [], closed: false,
  postMessage(data, origin) { this.posted.push([data, origin]); },
  close() { this.closed = true; },
  ...properties,
});

class FakePort {
  said = [];
  postMessage(data) { this.said.push(data); }
}

/** A session in a frame of a listed origin, and the port to connect.js. */
async function openFrame({ first = page('ask'), hasPort = true, ...options } = {}) {
  const parent = fakeWindow();
  const tab = await openSession({ origins: [app, 'https://other.example.com'], parent, ...options }, first);
  tab.port = new FakePort();
  if (hasPort) await handOver(tab, parent);
  return Object.assign(tab, { parent });
}

const handOver = (tab, source, changes = {}) =>
  tab.send('message', { source, origin: app, data: { type: 'connect-bff:port' }, ports: [tab.port], ...changes });

const choices = page('provider_select', { providers: [{ id: 'prv_1', display_name: 'Loch' }], answer: { provider: { id: 'prv_1' } } });

test('offers itself to listed origins alone, and never to any', async () => {
  const { parent } = await openFrame();
  assert.deepEqual(parent.posted, [
    [{ type: 'connect-bff:ready' }, app], [{ type: 'connect-bff:ready' }, 'https://other.example.com'],
  ]);
  const alone = fakeWindow();
  await openSession({ origins: [], parent: alone });
  assert.deepEqual(alone.posted, []);
  const opener = fakeWindow();
  await openSession({ origins: [app], opener });
  assert.deepEqual(opener.posted, [[{ type: 'connect-bff:ready' }, app]]);
});

test('offers itself to the origin that frames it, where the browser says which', async () => {
  for (const [framing, posted] of [[app, [[{ type: 'connect-bff:ready' }, app]]], ['https://evil.example', []]]) {
    const parent = fakeWindow();
    await openSession({ origins: [app, 'https://other.example.com'], parent, ancestorOrigins: [framing] });
    assert.deepEqual(parent.posted, posted);
  }
});

test('offers itself to each listed origin where the browser hides what frames it', async () => {
  // `null` is what a frame with `referrerpolicy`, such as that of connect.js, is told by Firefox.
  for (const ancestorOrigins of [['null'], undefined]) {
    const parent = fakeWindow();
    await openSession({ origins: [app, 'https://other.example.com'], parent, ancestorOrigins });
    assert.deepEqual(parent.posted.map(([, origin]) => origin), [app, 'https://other.example.com']);
  }
});

test('says what it shows over the port, and nothing of the token', async () => {
  const tab = await openFrame({ first: page('ask') });
  tab.answer('v1/connect', page('next'));
  await tab.press('submit');
  assert.deepEqual(tab.port.said, [{ type: 'open' }, { type: 'screen', route: 'ask' }, { type: 'screen', route: 'next' }]);
  assert.doesNotMatch(JSON.stringify([tab.port.said, tab.parent.posted]), /cot_|AAAA/);
});

test('takes one port, once, from its opener', async () => {
  const tab = await openFrame({ hasPort: false });
  for (const changes of [{ source: {} }, { origin: 'https://evil.example' }, { data: 'x' }, { ports: [] }]) {
    await handOver(tab, tab.parent, changes);
  }
  const first = tab.port;
  await handOver(tab, tab.parent);
  tab.port = new FakePort();
  await handOver(tab, tab.parent);
  tab.answer('v1/connect', page('next'));
  await tab.press('submit');
  assert.equal(tab.port.said.length, 0);
  assert.equal(first.said.length, 3);
});

test('reports the end once, and navigates nowhere', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', [200, { session, status: 'connected' }]);
  await tab.press('close');
  tab.port.onmessage({ data: { type: 'close' } });
  await tab.clock.pass(5000);
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected' });
  assert.equal(tab.port.said.filter(({ type }) => type === 'end' || type === 'close').length, 1);
  assert.deepEqual(tab.departures, []);
  assert.equal(tab.screen.dataset.screen, 'done');
  assert.equal(tab.kept.token, undefined);
  assert.equal(tab.index, 1, 'the frame stays on an entry of the app’s history');
});

test('a callback that fails is asked again, and then has a way on', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', ...Array(5).fill('refused'), [200, { session, status: 'connected' }]);
  await tab.press('close');
  await tab.clock.pass(30_000);
  assert.equal(tab.screen.dataset.code, 'finish');
  await tab.press('retry');
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected' });

  const left = await openFrame();
  left.answer('v1/connect', redirect(end));
  left.answer('v1/connect/callback', problem('internal_error', 500));
  await left.press('close');
  await left.press('app.leave');
  assert.deepEqual(left.port.said.at(-1), { type: 'close', session, status: null });
});

test('a callback that refuses is asked once, whatever says so', async () => {
  for (const refused of [[404, '<html>Not found</html>'], [400, '<html>'], problem('field_invalid', 422)]) {
    const tab = await openFrame();
    tab.answer('v1/connect', redirect(end));
    tab.answer('v1/connect/callback', refused);
    await tab.press('close');
    assert.equal(tab.screen.dataset.code, 'finish');
    await tab.clock.pass(60_000);
    assert.equal(tab.requests.filter((each) => each.startsWith('v1/connect/callback')).length, 1);
    assert.equal(tab.calls.at(-1).headers.Accept, 'application/json');
  }
});

test('a callback that does not know the session says so, and leads back to the app', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', problem('connect_token_unknown', 404));
  await tab.press('close');
  assert.equal(tab.screen.dataset.code, 'connect_token_unknown');
  assert.match(tab.text, /req_3/);
  assert.throws(() => tab.button('retry'));
  await tab.press('app.back');
  assert.deepEqual(tab.port.said.at(-1), { type: 'close', session, status: null });
});

test('a callback that is busy or too often called is asked when it wants to be', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', problem('store_unavailable', 503, { 'retry-after': '1' }),
    problem('rate_limited', 429, { 'retry-after': '3' }), [200, { session, status: 'connected' }]);
  await tab.press('close');
  await tab.clock.pass(1000);
  assert.equal(tab.screen.dataset.code, 'finish');
  assert.equal(tab.button('retry.in 3').disabled, true);
  await tab.clock.pass(3000);
  await tab.press('retry');
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'connected' });
});

test('the opener closes the session, and does not wait for ever', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', [200, { session, status: 'abandoned' }]);
  for (const data of [null, 'close', { type: 'open' }, { type: 'end' }]) tab.port.onmessage({ data });
  assert.equal(tab.calls.length, 2);
  tab.port.onmessage({ data: { type: 'close' } });
  await settled();
  assert.deepEqual(tab.port.said.at(-1), { type: 'end', session, status: 'abandoned' });

  const slow = await openFrame();
  slow.answer('v1/connect', 'never');
  slow.port.onmessage({ data: { type: 'close' } });
  await slow.clock.pass(1500);
  assert.deepEqual(slow.port.said.at(-1), { type: 'close', session, status: null });
});

test('a dialog can be left although nothing answers', async () => {
  const tab = await openFrame();
  tab.answer('v1/connect', 'refused');
  await tab.press('close');
  assert.match(tab.text, /error\.unreachable/);
  assert.equal(tab.port.said.at(-1).type, 'screen');
  await tab.press('close');
  assert.deepEqual(tab.port.said.at(-1), { type: 'close', session, status: null });

  const ending = await openFrame();
  ending.answer('v1/connect', redirect(end));
  ending.answer('v1/connect/callback', 'never');
  await ending.press('close');
  await ending.press('close');
  assert.deepEqual(ending.port.said.at(-1), { type: 'close', session, status: null });

  const first = await openFrame({ first: 'refused' });
  await first.press('app.back');
  assert.deepEqual(first.port.said.at(-1), { type: 'close', session, status: null });
});

test('the opener closes a page that has no session yet', async () => {
  const parent = fakeWindow();
  const tab = new Tab({ origins: [app], parent });
  tab.answer('v1/connect/tickets', 'never');
  await tab.open(`${pageURL}#ticket=${ticket}`);
  tab.port = new FakePort();
  await handOver(tab, parent);
  tab.port.onmessage({ data: { type: 'close' } });
  assert.deepEqual(tab.port.said, [{ type: 'close', session, status: null }]);
});

test('a failure in a frame closes it', async () => {
  const parent = fakeWindow();
  const tab = new Tab({ origins: [app], parent });
  tab.port = new FakePort();
  tab.answer('v1/connect/tickets', problem('ticket_used', 409));
  const opened = tab.open(`${pageURL}#ticket=${ticket}`);
  await opened;
  await handOver(tab, parent);
  await tab.press('close');
  assert.deepEqual(tab.port.said, [{ type: 'close', session, status: null }]);
});

test('Escape closes a frame, unless something in it takes the key', async () => {
  const tab = await openFrame();
  const press = (target) => {
    const event = Object.assign(new Event('keydown'), { key: 'Escape' });
    Object.defineProperty(event, 'target', { value: target });
    globalThis.dispatchEvent(event);
  };
  press({ type: 'search', value: 'loch' });
  assert.equal(tab.calls.length, 2);
  tab.answer('v1/connect', redirect(end));
  tab.answer('v1/connect/callback', [200, { session, status: 'abandoned' }]);
  press({ type: 'search', value: '' });
  await settled();
  assert.equal(tab.port.said.at(-1).type, 'end');
});

test('a window without connect.js ends at the callback', async () => {
  const tab = await openSession({ origins: [app], opener: fakeWindow() });
  tab.answer('v1/connect', redirect(end));
  await tab.press('close');
  await tab.clock.pass(1500);
  assert.deepEqual(tab.departures, [['replace', `${end}&lang=en`]]);
});

for (const [name, globals] of Object.entries({
  iOS: (post) => ({ webkit: { messageHandlers: { connectBFF: { postMessage: post } } } }),
  'React Native': (post) => ({ ReactNativeWebView: { postMessage: post } }),
  Android: (post) => ({ ConnectBFF: { postMessage: post } }),
})) {
  test(`a shell of ${name} takes one message`, async () => {
    const said = [];
    const none = { webkit: undefined, ReactNativeWebView: undefined, ConnectBFF: undefined };
    const tab = await openSession({ shell: true, globals: { ...none, ...globals((text) => said.push(text)) } });
    tab.answer('v1/connect', redirect(provider), page('tariff_summary'), redirect(end));
    tab.answer('v1/connect/callback', [200, { session, status: 'connected' }]);
    // The login is in the web view itself.
    await tab.press('submit');
    assert.deepEqual(tab.departures, [['assign', provider]]);
    await tab.open(`${pageURL}#fp_cot=${token}`);
    assert.equal(tab.screen.dataset.screen, 'tariff_summary');
    await tab.press('close');
    assert.deepEqual(said.map((text) => JSON.parse(text)), [{ type: 'connect-bff', session, status: 'connected' }]);
    assert.equal(tab.screen.dataset.screen, 'done');
    assert.equal(tab.departures.length, 1);
  });
}

test('without a shell around it, the mark of one changes nothing', async () => {
  const none = { webkit: undefined, ReactNativeWebView: undefined, ConnectBFF: undefined };
  const tab = await openSession({ shell: true, globals: none });
  tab.answer('v1/connect', redirect(end));
  await tab.press('close');
  assert.deepEqual(tab.departures, [['replace', `${end}&lang=en`]]);
});

// MARK: - Provider logins

/** A frame on the screen before the login, and the window that it opens. */
async function openLogin(popup, first = choices, options = {}) {
  const opened = [];
  const tab = await openFrame({ first, open: (...given) => { opened.push(given); return popup; }, ...options });
  tab.answer('v1/connect', redirect(provider));
  await tab.press('submit');
  return Object.assign(tab, { opened });
}

test('hands the login to the window that it opened, and goes on when Connect does', async () => {
  const popup = fakeWindow();
  const tab = await openLogin(popup);
  assert.equal(tab.screen.dataset.screen, 'provider_login');
  assert.deepEqual(tab.departures, []);
  await tab.press('login.go Loch');
  assert.equal(tab.opened[0][0], `${publicURL}connect/popup`);
  assert.equal(tab.screen.dataset.screen, 'provider_wait');
  const asks = { source: popup, origin: own, data: { type: 'connect-bff:popup' } };
  for (const changes of [{ source: fakeWindow() }, { source: tab.parent }, { origin: app }, { data: {} }]) {
    await tab.send('message', { ...asks, ...changes });
  }
  assert.deepEqual(popup.posted, []);
  await tab.send('message', asks);
  await tab.send('message', asks);
  assert.deepEqual(popup.posted, [[{ type: 'connect-bff:login', token, url: provider, language: 'en' }, own]]);
  tab.answer('v1/connect', choices, refusal('overloaded', 503), page('tariff_summary'));
  await tab.clock.pass(6000);
  assert.equal(tab.screen.dataset.screen, 'provider_wait');
  await tab.clock.pass(3000);
  assert.equal(tab.screen.dataset.screen, 'tariff_summary');
  assert.equal(popup.closed, true);
  const calls = tab.calls.length;
  await tab.clock.pass(30_000);
  assert.equal(tab.calls.length, calls);
});

test('a hidden frame asks when it is seen, and waits as long as the service says', async () => {
  const popup = fakeWindow();
  const tab = await openLogin(popup);
  await tab.press('login.go Loch');
  await tab.send('message', { source: popup, origin: own, data: { type: 'connect-bff:popup' } });
  tab.document.hidden = true;
  const calls = tab.calls.length;
  await tab.clock.pass(30_000);
  assert.equal(tab.calls.length, calls);
  tab.document.hidden = false;
  const [, limit] = refusal('rate_limited');
  tab.answer('v1/connect', [429, { ...limit, type: 'rate_limit' }, { 'retry-after': '60' }], page('tariff_summary'));
  tab.document.dispatchEvent(new Event('visibilitychange'));
  await tab.clock.pass(59_000);
  assert.equal(tab.calls.length, calls + 1);
  await tab.clock.pass(3000);
  assert.equal(tab.screen.dataset.screen, 'tariff_summary');
});

test('says that the provider has not confirmed, opens the window again, and leads back', async () => {
  const popup = fakeWindow();
  const tab = await openLogin(popup);
  await tab.press('login.go Loch');
  tab.answer('v1/connect', choices);
  await tab.press('login.done');
  assert.match(tab.text, /login\.not_yet Loch/);
  await tab.press('login.again');
  assert.equal(tab.opened.length, 2);
  tab.answer('v1/connect', choices);
  await tab.press('back');
  assert.equal(tab.screen.dataset.screen, 'provider_select');
});

test('where windows are blocked, the app’s page goes on with a ticket of its own', async () => {
  const tab = await openLogin(null);
  const handed = `${session}.BBBBBBBBBBBBBBBBBBBBBB`;
  tab.answer('v1/connect/tickets', [200, { object: 'connect_ticket', ticket: handed }]);
  await tab.press('login.go Loch');
  assert.deepEqual(tab.port.said.at(-1), { type: 'redirect', url: `${pageURL}?lang=en#ticket=${handed}&handed=1` });
  assert.deepEqual(tab.calls.at(-1).body, { connect_token: token });
  assert.doesNotMatch(JSON.stringify(tab.port.said), /cot_/);
  // The opener does not leave: the customer learns what to do.
  await tab.clock.pass(5000);
  assert.equal(tab.screen.dataset.screen, 'provider_login');
  assert.match(tab.text, /login\.blocked_here/);
});

test('a window that does not report counts as blocked, unless it still loads', async () => {
  const severed = Object.defineProperty(fakeWindow(), 'location', { get() { throw new Error('another origin'); } });
  const tab = await openLogin(severed);
  tab.answer('v1/connect/tickets', 'never');
  tab.answer('v1/connect', choices);
  await tab.press('login.go Loch');
  await tab.clock.pass(3000);
  assert.equal(tab.requests.at(-1), 'v1/connect/tickets connect_token');

  const slow = fakeWindow({ location: { href: 'about:blank' } });
  const other = await openLogin(slow);
  other.answer('v1/connect', choices, choices);
  await other.press('login.go Loch');
  await other.clock.pass(8000);
  assert.equal(other.requests.filter((each) => each.includes('tickets')).length, 1);
  await other.send('message', { source: slow, origin: own, data: { type: 'connect-bff:popup' } });
  assert.equal(slow.posted.length, 1);
});

test('a window that was closed before it reported leaves the choice', async () => {
  const closed = fakeWindow({ closed: true });
  const tab = await openLogin(closed);
  tab.answer('v1/connect', choices);
  await tab.press('login.go Loch');
  await tab.clock.pass(4000);
  assert.equal(tab.requests.filter((each) => each.includes('tickets')).length, 1);
  tab.button('login.again');
});

test('a document that was handed a session goes to the login at once, or says what to do', async () => {
  const tab = new Tab();
  tab.answer('v1/connect/tickets', exchanged);
  tab.answer('v1/connect', redirect(provider));
  await tab.open(`${pageURL}#ticket=${ticket}&handed=1`);
  assert.deepEqual(tab.departures, [['assign', provider]]);

  const other = new Tab();
  other.answer('v1/connect/tickets', exchanged);
  other.answer('v1/connect', choices, redirect(provider));
  await other.open(`${pageURL}#ticket=${ticket}&handed=1`);
  assert.match(other.text, /login\.here/);
  await other.press('submit');
  assert.deepEqual(other.departures, [['assign', provider]]);
});

test('a provider gets no hold of the page of the app that opened this one', async () => {
  const tab = await openSession({ origins: [app], opener: fakeWindow() });
  tab.answer('v1/connect', redirect(provider));
  await tab.press('submit');
  await tab.clock.pass(1500);
  assert.deepEqual(tab.departures, [['assign', provider]]);
  assert.equal(globalThis.opener, null);
});

test('without storage, the login is in a window, because this document holds the token', async () => {
  const opened = [];
  const popup = fakeWindow();
  const tab = await openSession({ isStorageRefused: true, open: (...given) => { opened.push(given); return popup; } }, choices);
  tab.answer('v1/connect', redirect(provider));
  await tab.press('submit');
  assert.deepEqual(tab.departures, []);
  await tab.press('login.go Loch');
  assert.equal(opened.length, 1);
});

test('the window of a login keeps the token for the way back, and closes at its end', async () => {
  const opener = fakeWindow();
  const tab = new Tab({ opener });
  await tab.open(`${publicURL}connect/popup`, 'popup.js');
  assert.deepEqual(opener.posted, [[{ type: 'connect-bff:popup' }, own]]);
  const data = { type: 'connect-bff:login', token, url: provider, language: 'de' };
  for (const changes of [
    { source: {} }, { origin: app }, { data: { ...data, url: 'javascript:alert(1)' } }, { data: { ...data, token: 'x y' } },
  ]) await tab.send('message', { source: opener, origin: own, data, ...changes });
  assert.deepEqual(tab.departures, []);
  await tab.send('message', { source: opener, origin: own, data });
  await tab.send('message', { source: opener, origin: own, data });
  assert.deepEqual(tab.departures, [['replace', provider]]);
  assert.deepEqual(tab.kept, { token, popup: '1', language: 'de' });
  assert.equal(globalThis.opener, null, 'the provider has a hold of the frame');
  await tab.open(`${pageURL}#fp_cot=${token}`);
  assert.equal(tab.screen.dataset.screen, 'returned');
  assert.equal(tab.document.documentElement.lang, 'de');
  assert.equal(tab.isClosed, true);
  assert.deepEqual(tab.calls, []);
});

test('a window of a login that is not expected says so', async () => {
  const tab = new Tab({ opener: fakeWindow() });
  await tab.open(`${publicURL}connect/popup`, 'popup.js');
  await tab.clock.pass(10_000);
  assert.equal(tab.screen.dataset.screen, 'window');
  const alone = new Tab();
  await alone.open(`${publicURL}connect/popup`, 'popup.js');
  await alone.clock.pass(0);
  assert.equal(alone.isClosed, true);
  assert.equal(alone.screen.dataset.screen, 'window');
});
