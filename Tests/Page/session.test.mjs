// A session on the screen: steps, failures, the history, the end.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { callbackURL, openSession, page, pageURL, redirect, refusal, settled, token } from './fake-tab.mjs';

const end = `${callbackURL}?fp_cot=${token}`;
/** Where the browser goes at the end. */
const left = `${end}&lang=en`;
const provider = 'https://provider.example/?fp_cot=cot_1';

test('sends an answer once, and shows what Connect says next', async () => {
  const tab = await openSession({}, page('ask', { answer: { cost: 0.2345 } }));
  tab.answer('v1/connect', page('next'));
  tab.button('submit').click();
  tab.button('submit').click();
  assert.equal(tab.screen.querySelector('fieldset').getAttribute('aria-busy'), 'true');
  await settled();
  assert.equal(tab.screen.dataset.screen, 'next');
  assert.equal(tab.document.activeElement.name, 'h1');
  assert.deepEqual(tab.calls.slice(2).map(({ body }) => body), [
    { connect_token: token, type: 'submit', route: 'ask', data: { cost: 0.2345 } },
  ]);
});

test('a page without a screen, or whose data its screen cannot draw, has a way out', async () => {
  for (const route of ['brand_new', 'broken', 'constructor']) {
    const tab = await openSession({}, page(route, {}, ['BACK', 'SOMETHING_NEW']));
    assert.equal(tab.title, `any ${route}`);
    tab.answer('v1/connect', page('ask'));
    await tab.press('SOMETHING_NEW');
    assert.equal(tab.calls[2].body.action, 'SOMETHING_NEW');
    assert.equal(tab.screen.dataset.screen, 'ask');
  }
});

test('a screen that is loaded later is shown, and one that does not arrive has a way on', async () => {
  const tab = await openSession({}, page('late'));
  assert.equal(tab.screen.dataset.screen, 'late');
  tab.answer('v1/connect', page('lost'));
  await tab.press('submit');
  assert.equal(tab.screen.dataset.code, 'unreachable');
  await tab.press('retry');
  assert.deepEqual(tab.departures, [['reload', pageURL]]);
  assert.equal(tab.kept.token, token);
});

test('a refusal stays on its screen, with Flatpeak’s words where there are none of ours', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', refusal('brand_new_code'));
  await tab.press('submit');
  assert.equal(tab.screen.dataset.screen, 'ask');
  assert.match(tab.text, /Said by Flatpeak: brand_new_code.*req_2/);
  assert.throws(() => tab.button('retry'));
});

for (const [name, answer, words] of [
  ['a torn answer', [200, '{"route":"as'], /error\.answer_incomplete/],
  ['a bare message', [500, { message: 'Internal Server Error' }], /shared\.ours/],
  ['a page of a proxy', [502, '<html>Bad gateway</html>'], /error\.unreachable/],
  ['no answer', 'refused', /error\.unreachable/],
]) {
  test(`${name} keeps the screen; trying again asks first where Connect is`, async () => {
    const tab = await openSession();
    tab.answer('v1/connect', answer, page('ask'), page('next'));
    await tab.press('submit');
    assert.equal(tab.screen.dataset.screen, 'ask');
    assert.match(tab.text, words);
    assert.doesNotMatch(tab.text, /Internal Server Error|html/);
    await tab.press('retry');
    assert.deepEqual(tab.requests.slice(2), ['v1/connect ask', 'v1/connect session_start', 'v1/connect ask']);
    assert.equal(tab.screen.dataset.screen, 'next');
  });
}

test('a lost answer that Connect has taken is not sent again', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', 'never', page('next'));
  await tab.press('submit');
  await tab.clock.pass(40_000);
  assert.match(tab.text, /error\.timed_out/);
  await tab.press('retry');
  assert.deepEqual(tab.requests.slice(2), ['v1/connect ask', 'v1/connect session_start']);
  assert.equal(tab.screen.dataset.screen, 'next');
});

test('two windows: the page that Connect is on is shown, and why', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', refusal('route_invalid'), page('next'));
  await tab.press('submit');
  assert.equal(tab.screen.dataset.screen, 'next');
  assert.match(tab.text, /moved\.note/);
});

test('the back button is the BACK of the screen, and adds nothing to the history', async () => {
  const tab = await openSession();
  const length = tab.entries.length;
  for (const route of ['second', 'third']) {
    tab.answer('v1/connect', page(route));
    await tab.goBack();
    assert.equal(tab.screen.dataset.screen, route);
    assert.equal(tab.entries.length, length);
    assert.equal(tab.index, length - 1);
  }
  assert.deepEqual(tab.requests.slice(2), ['v1/connect ask BACK', 'v1/connect second BACK']);
});

test('the back button closes a screen that has no way back', async () => {
  const tab = await openSession({}, page('ask', {}, ['EDIT']));
  tab.answer('v1/connect', redirect(end));
  await tab.goBack();
  assert.equal(tab.calls[2].body.action, 'CLOSE');
  assert.deepEqual(tab.departures, [['replace', left]]);
});

test('the back button dismisses a question first', async () => {
  const tab = await openSession({}, page('ask', {}, ['BACK', 'DISCONNECT']));
  await tab.press('DISCONNECT');
  const dialog = tab.document.querySelector('dialog[open]');
  await tab.goBack();
  assert.equal(dialog.open, false);
  assert.equal(tab.calls.length, 2);
});

test('the end takes the place of the lower entry, and forgets the token', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', redirect(end));
  await tab.press('close');
  assert.deepEqual(tab.departures, [['replace', left]]);
  assert.equal(tab.index, 1);
  assert.equal(tab.kept.token, undefined);
  assert.equal(tab.calls.length, 3);
  // Whoever comes forward to the upper entry is led back to the app.
  tab.index = 2;
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'ended');
  await tab.press('app.back');
  assert.deepEqual(tab.departures.at(-1), ['replace', left]);
});

test('the customer leaves although CLOSE is refused', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', refusal('action_invalid'));
  await tab.press('close');
  assert.deepEqual(tab.departures, [['replace', left]]);
});

test('a session that is over already leads back to the app', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', refusal('connect_token_used', 409));
  await tab.press('submit');
  assert.equal(tab.screen.dataset.code, 'connect_token_used');
  await tab.press('app.back');
  assert.deepEqual(tab.departures, [['replace', left]]);
});

test('closing waits for the call that runs', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', page('next'), redirect(end));
  tab.button('submit').click();
  tab.button('close').click();
  await settled();
  assert.deepEqual(tab.requests.slice(2), ['v1/connect ask', 'v1/connect next CLOSE']);
  assert.deepEqual(tab.departures, [['replace', left]]);
});

test('goes to a provider’s login above its own entry', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', redirect(provider));
  await tab.press('submit');
  assert.deepEqual(tab.departures, [['assign', provider]]);
  assert.equal(tab.kept.token, token);
  assert.equal(tab.index, 2);
});

test('a login that the browser did not open can be opened again', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', redirect(provider));
  await tab.press('submit');
  await tab.clock.pass(10_000);
  assert.equal(tab.screen.dataset.screen, 'provider_login');
  await tab.press('login.go login.provider');
  assert.equal(tab.departures.length, 2);
});

test('whoever comes back from a login by the back button is not sent there again', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', redirect(provider), redirect(provider), redirect(provider), page('ask'));
  await tab.press('submit');
  await tab.load();
  assert.equal(tab.screen.dataset.screen, 'provider_login');
  assert.equal(tab.departures.length, 1);
  await tab.press('back');
  assert.deepEqual(tab.requests.slice(-2), ['v1/connect session_start', 'v1/connect session_redirect BACK']);
  assert.equal(tab.screen.dataset.screen, 'ask');
});

test('out of the browser’s cache, Connect is asked where it is', async () => {
  const tab = await openSession();
  tab.answer('v1/connect', redirect(provider), page('next'));
  await tab.press('submit');
  await tab.send('pageshow', { persisted: true });
  assert.equal(tab.screen.dataset.screen, 'next');
  await tab.clock.pass(20_000);
  assert.equal(tab.screen.dataset.screen, 'next');
});

test('a redirect that is not safe to open goes nowhere', async () => {
  for (const url of ['javascript:alert(1)', 'data:text/html,x', 'http://provider.example/', 42]) {
    const tab = await openSession();
    tab.answer('v1/connect', redirect(url));
    await tab.press('submit');
    assert.deepEqual(tab.departures, []);
    assert.equal(tab.screen.dataset.screen, 'ask');
    assert.match(tab.text, /error\.redirect_refused/);
    tab.button('close');
  }
});

test('a deep link opens an app, and the page waits for the login', async () => {
  const tab = await openSession({}, page('provider_select', { providers: [{ id: 'prv_1', display_name: 'Loch' }], answer: { provider: { id: 'prv_1' } } }));
  tab.answer('v1/connect', redirect('lochapp://login?fp_cot=cot_1'), page('provider_select'), page('tariff_summary'));
  await tab.press('submit');
  assert.deepEqual(tab.departures, []);
  await tab.press('login.go Loch');
  assert.deepEqual(tab.departures, [['assign', 'lochapp://login?fp_cot=cot_1']]);
  await tab.clock.pass(3000);
  assert.equal(tab.screen.dataset.screen, 'provider_wait');
  await tab.clock.pass(3000);
  assert.equal(tab.screen.dataset.screen, 'tariff_summary');
  assert.equal(tab.url, pageURL);
});
