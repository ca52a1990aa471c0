// What the tab keeps.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { load, session, ticket, token } from './fake-tab.mjs';

const { parse, randomKey, TabMemory } = await load('memory.js');

const storageOf = (stored = new Map()) => ({
  getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: (key) => stored.delete(key),
});

test('keeps values for the next document of the tab', () => {
  const storage = storageOf();
  new TabMemory(() => storage, 'key').write({ token, session });
  assert.deepEqual(new TabMemory(() => storage, 'key').values, { token, session });
  assert.deepEqual(new TabMemory(() => storage, 'other').values, {});
});

test('makes a key once, and keeps it before it is used', () => {
  const stored = new Map();
  const memory = new TabMemory(() => storageOf(stored), 'key');
  const made = memory.tabKey();
  assert.match(made, /^[\w-]{22}$/);
  assert.equal(JSON.parse(stored.get('key')).tab, made);
  assert.equal(memory.tabKey(), made);
  memory.begin({ ticket });
  assert.equal(memory.tabKey(), made);
});

test('keys are base64url', () => {
  assert.equal(randomKey(new Uint8Array(16).fill(255)), '_____________________w');
  assert.equal(randomKey(new Uint8Array(16).fill(251)), '-_v7-_v7-_v7-_v7-_v7-w');
  assert.notEqual(randomKey(), randomKey());
});

test('a session begins without the marks of the one before', () => {
  const memory = new TabMemory(() => storageOf(), 'key');
  memory.write({ token, session, popup: '1', shell: '1', language: 'de' });
  memory.begin({ ticket });
  assert.deepEqual(memory.values, { language: 'de', ticket });
});

test('ignores what this page did not write', () => {
  for (const text of ['', 'x', 'null', '[]', '"x"', '{"token":42}', '{"token":"<b>"}', '{"ended":"javascript:alert(1)"}', '{"x":1}']) {
    assert.deepEqual(parse(text), {}, text);
  }
  assert.deepEqual(parse(`{"token":"${token}","tab":"short"}`), { token });
});

test('lives in memory where storage is refused, at once or later', () => {
  const refused = new TabMemory(() => { throw new Error('refused'); }, 'key');
  assert.equal(refused.isKept, false);
  refused.write({ token });
  assert.deepEqual(refused.values, { token });

  const takesNothing = new TabMemory(() => ({ ...storageOf(), setItem() { throw new Error('full'); } }), 'key');
  assert.equal(takesNothing.isKept, false);

  const stored = new Map();
  const storage = storageOf(stored);
  const memory = new TabMemory(() => storage, 'key');
  storage.setItem = () => { throw new Error('full'); };
  memory.write({ token });
  assert.deepEqual(memory.values, { token });
  assert.equal(memory.isKept, false);
  assert.equal(stored.size, 0, 'an older state is left behind');
});
