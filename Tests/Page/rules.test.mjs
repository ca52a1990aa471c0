// Decisions about what comes from outside: addresses, redirects, messages, answers.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { callbackURL, load, pageURL, session, ticket, token } from './fake-tab.mjs';

const rules = await load('rules.js');
const addresses = { callback: callbackURL, page: pageURL };
const kindOf = (url, page = pageURL) => rules.classify(url, { callback: callbackURL, page }).kind;

test('reads a ticket, its marks, and a returned token', () => {
  assert.equal(rules.readFragment(''), undefined);
  assert.equal(rules.readFragment('#top'), undefined);
  assert.deepEqual(rules.readFragment(`#ticket=${ticket}`), { ticket, shell: false, handed: false });
  assert.deepEqual(rules.readFragment(`#ticket=${ticket}&shell=1`), { ticket, shell: true, handed: false });
  assert.deepEqual(rules.readFragment(`#ticket=${ticket}&handed=1`), { ticket, shell: false, handed: true });
  assert.deepEqual(rules.readFragment(`#fp_cot=${token}`), { token });
  assert.equal(rules.sessionOf(ticket), session);
});

test('does not read what no ticket or token can be', () => {
  const malformed = [
    'ticket=', 'ticket=x', `ticket=${ticket}x`, `ticket=${ticket.slice(0, -1)}`, `ticket=.${'A'.repeat(22)}`, `ticket=${ticket} `,
    `ticket=${'a'.repeat(129)}.${'A'.repeat(22)}`, `ticket=<b>.${'A'.repeat(22)}`, `ticket=${ticket}&ticket=${ticket}`,
    `ticket=${ticket}&fp_cot=${token}`, 'fp_cot=', `fp_cot=${'x'.repeat(129)}`, 'fp_cot=cot_%0a', `fp_cot=${token}&fp_cot=${token}`,
  ];
  for (const hash of malformed) assert.deepEqual(rules.readFragment(`#${hash}`), { isMalformed: true }, hash);
});

test('decides what a document does first', () => {
  const other = { ticket: 'cs_other.AAAAAAAAAAAAAAAAAAAAAA' };
  const held = { token, session };
  const ended = { ended: callbackURL };
  for (const [fragment, kept, act] of [
    [{ isMalformed: true }, held, 'unknown'],
    [{ ticket }, {}, 'exchange'], [{ ticket }, held, 'resume'], [other, held, 'exchange'], [{ ticket }, ended, 'exchange'],
    [{ ticket }, { ...held, popup: '1' }, 'exchange'],
    [{ token }, held, 'resume'], [{ token }, { token, popup: '1' }, 'returned'],
    [{ token }, {}, 'foreign'], [{ token }, { token: 'cot_other' }, 'foreign'], [{ token }, ended, 'foreign'],
    [undefined, held, 'resume'], [undefined, { token, popup: '1' }, 'returned'], [undefined, { ticket }, 'exchange'],
    [undefined, { ...held, ticket: other.ticket }, 'exchange'], [{ token }, { ...held, ticket: other.ticket }, 'resume'],
    [{ token }, { token, popup: '1', ticket: other.ticket }, 'returned'], [{ token }, { ticket }, 'foreign'],
    [undefined, ended, 'ended'], [undefined, {}, 'nothing'], [undefined, { session }, 'nothing'],
  ]) assert.equal(rules.firstAct(fragment, kept), act, JSON.stringify([fragment, kept]));
  // A browser that keeps nothing cannot tell whose token came back.
  assert.equal(rules.firstAct({ token }, {}, false), 'returned');
  assert.equal(rules.firstAct({ ticket }, {}, false), 'exchange');
});

test('asks again for a code only while the result is unknown, and not for ever', () => {
  for (const status of ['active', 'created']) {
    const waits = [1, 2, 3, 4, 5].map((attempt) => rules.codeDelay({ status }, attempt));
    assert.ok(waits[0] > 0 && waits.at(-1) === undefined, String(waits));
    assert.equal(rules.codeDelay({ status, code: 'AAECAwQFBgcICQoLDA0ODw' }, 1), undefined);
  }
  for (const status of ['abandoned', 'connected', 'failed', 'expired', null]) {
    assert.equal(rules.codeDelay({ status }, 1), undefined, String(status));
    assert.equal(rules.codeDelay({ status }, 1, true) > 0, status === 'abandoned', String(status));
  }
  assert.equal(rules.codeDelay({ status: 'abandoned' }, 4, true), undefined);
});

test('chooses the first language that it has', () => {
  const known = ['en', 'de'];
  assert.equal(rules.languageOf([null, undefined, 'de-AT', 'en'], known), 'de');
  assert.equal(rules.languageOf(['xx', 'EN-gb'], known), 'en');
  assert.equal(rules.languageOf(['constructor', 42, ''], known), 'en');
});

test('distinguishes the end of a session from a login', () => {
  assert.deepEqual(rules.classify(`${callbackURL}?fp_cot=${token}`, addresses), { kind: 'end', url: `${callbackURL}?fp_cot=${token}` });
  for (const url of [
    'https://british-gas-uk.connect.flatpeak.com/?fp_cot=cot_1', 'https://connect.example.com/v1/connect/callback?fp_cot=cot_1',
    `${callbackURL}/more`, 'https://evil.example/bff/v1/connect/callback',
  ]) assert.equal(kindOf(url), 'login', url);
  assert.equal(kindOf('myapp://oauth-callback/flatpeak?fp_cot=cot_1'), 'app');
});

test('refuses redirects that run a script, read a file, or send the token in the clear', () => {
  for (const url of [
    'javascript:alert(1)', 'JavaScript:alert(1)', ' java\nscript:alert(1)', '\u0001javascript:alert(1)', 'data:text/html,<script>',
    'vbscript:x', 'blob:https://connect.example.com/x', 'file:///etc/passwd', 'filesystem:https://x/y', 'about:blank',
    'view-source:https://x', 'intent://x#Intent;end', 'http://provider.example/?fp_cot=cot_1', 'https://user:pass@provider.example/',
    `https://connect.example.com@evil.example/`, '/v1/connect/callback', '//evil.example', '', 'https://', null, undefined, 42, {},
    `https://provider.example/${'x'.repeat(5000)}`,
  ]) assert.equal(kindOf(url), 'refused', String(url));
  assert.equal(kindOf('http://127.0.0.1:9001/?fp_cot=cot_1', 'http://localhost:8080/connect'), 'login');
});

test('takes a port from the opener of a listed origin alone', () => {
  const opener = {};
  const [port] = ['a port'];
  const event = { source: opener, origin: 'https://app.example.com', data: { type: 'connect-bff:port' }, ports: [port] };
  const wanted = { opener, origins: ['https://app.example.com'] };
  assert.equal(rules.portOf(event, wanted), port);
  for (const change of [
    { source: {} }, { source: null }, { origin: 'https://evil.example' }, { origin: 'https://app.example.com.evil.example' },
    { origin: 'null' }, { data: null }, { data: 'connect-bff:port' }, { data: { type: 'connect-bff:ready' } }, { ports: [] },
    { ports: [port, port] },
  ]) assert.equal(rules.portOf({ ...event, ...change }, wanted), undefined, JSON.stringify(change));
});

test('a login window and its opener take nothing from others', () => {
  const popup = {};
  const origin = 'https://connect.example.com';
  const asks = { source: popup, origin, data: { type: 'connect-bff:popup' } };
  assert.equal(rules.asksForLogin(asks, { popup, origin }), true);
  for (const change of [{ source: {} }, { origin: 'https://app.example.com' }, { data: { type: 'x' } }, { data: null }]) {
    assert.equal(rules.asksForLogin({ ...asks, ...change }, { popup, origin }), false);
  }
  const opener = {};
  const data = { type: 'connect-bff:login', token, url: 'https://provider.example/?fp_cot=cot_1', language: 'de' };
  const wanted = { opener, origin, ...addresses };
  const given = { source: opener, origin, data };
  assert.deepEqual(rules.loginOf(given, wanted), { token, url: data.url, language: 'de' });
  for (const change of [{ source: {} }, { origin: 'https://app.example.com' }, { data: null }]) {
    assert.equal(rules.loginOf({ ...given, ...change }, wanted), undefined);
  }
  for (const change of [
    { type: 'x' }, { token: '' }, { token: 42 }, { token: 'x'.repeat(129) }, { token: '<b>' }, { url: 'javascript:alert(1)' },
    { url: `${callbackURL}?fp_cot=x` }, { url: undefined }, { language: 'deutsch' }, { language: undefined },
  ]) assert.equal(rules.loginOf({ ...given, data: { ...data, ...change } }, wanted), undefined, JSON.stringify(change));
});

test('reads an outcome, and null for what is none', () => {
  assert.deepEqual(rules.outcomeOf({ session, status: 'connected' }), { session, status: 'connected' });
  assert.deepEqual(rules.outcomeOf({ session: 'a b', status: 42 }), { session: null, status: null });
  assert.deepEqual(rules.outcomeOf(null), { session: null, status: null });
});

test('repeats only calls that may succeed, and not for ever', () => {
  const lost = { code: 'unreachable', isLost: true, retryAfter: 0 };
  assert.deepEqual([1, 2, 3, 4, 5].map((attempt) => rules.retryDelay(lost, attempt)), [1000, 2000, 4000, 5000, undefined]);
  assert.equal(rules.retryDelay({ code: 'store_unavailable', status: 503, retryAfter: 7 }, 1), 7000);
  assert.equal(rules.retryDelay({ code: 'store_unavailable', status: 503, retryAfter: 60 }, 1), undefined);
  assert.equal(rules.retryDelay({ code: 'rate_limited', status: 429, retryAfter: 1 }, 1), undefined);
  assert.equal(rules.retryDelay({ code: 'ticket_used', status: 409, retryAfter: 0 }, 1), undefined);
  const unknown = { code: 'ticket_unknown', status: 404, retryAfter: 0 };
  assert.deepEqual([1, 2, 3, 4, 5].map((attempt) => rules.retryDelay(unknown, attempt)), [500, 1000, 2000, 2000, undefined]);
  assert.equal(rules.retryDelay({ ...lost, code: 'offline' }, 1), undefined);
  assert.equal(rules.retryDelay({ ...lost, code: 'timed_out' }, 2), undefined);
});

test('reads a page of Connect, whatever else it holds', () => {
  const read = rules.readPage({ route: 'brand_new', actions: ['BACK', 7, '<b>'], data: null, more: 1 });
  assert.deepEqual(read, { route: 'brand_new', actions: ['BACK'], data: {}, more: 1 });
  for (const json of [{}, { route: 42 }, { route: '<b>' }, { route: 'error' }, { object: 'error', route: 'x' }]) {
    assert.equal(rules.readPage(json), undefined, JSON.stringify(json));
  }
  assert.equal(rules.hasBack({ actions: undefined }), true);
  assert.equal(rules.hasBack({ actions: ['CLOSE'] }), false);
});
