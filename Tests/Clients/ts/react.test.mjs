// The hook, with Debian's React.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Where the package and React are side by side, as in an app.
const folder = mkdtempSync(join(tmpdir(), 'react-'));
mkdirSync(join(folder, 'node_modules'));
symlinkSync('/usr/share/nodejs/react', join(folder, 'node_modules/react'));
cpSync(fileURLToPath(new URL('../../../clients/typescript', import.meta.url)), folder, { recursive: true });
const { useConnect } = await import(pathToFileURL(join(folder, 'react.js')));
const require = createRequire(import.meta.url);
const { createElement, StrictMode } = require('react');
const { act, create } = require('react-test-renderer');
globalThis.IS_REACT_ACT_ENVIRONMENT = true;

/** A client whose calls the test answers. */
function fakeClient({ resumes = null } = {}) {
  const calls = [];
  const pending = (name, request, options) => new Promise((resolve, reject) => {
    calls.push({ name, request, options, resolve, reject });
    options.signal.addEventListener('abort', () => reject(options.signal.reason));
  });
  return {
    calls,
    connect: (request, options) => pending('connect', request, options),
    resume: async () => resumes,
    async* followSession(id, options) {
      for (;;) {
        const { session, isLast } = await pending('follow', id, options);
        yield session;
        if (isLast) return;
      }
    },
  };
}

async function mounted(client, options) {
  const shown = {};
  const Component = (properties) => Object.assign(shown, useConnect(client, properties.options)) && null;
  const element = (next) => createElement(StrictMode, null, createElement(Component, { options: next }));
  let tree;
  await act(async () => { tree = create(element(options)); });
  return { shown, tree, update: (next) => act(async () => { tree.update(element(next)); }) };
}

test('connects, follows a pending session, and shows each state', async () => {
  const client = fakeClient();
  const { shown } = await mounted(client, { mode: 'popup' });
  assert.deepEqual([shown.status, shown.session], ['idle', null]);
  let ended;
  await act(async () => { shown.connect({ language: 'de' }).then((session) => { ended = session; }); });
  assert.equal(shown.status, 'connecting');
  assert.deepEqual([client.calls[0].request, client.calls[0].options.mode], [{ language: 'de' }, 'popup']);
  await act(async () => { client.calls[0].resolve({ id: 'cs_1', state: 'pending' }); });
  assert.deepEqual([shown.status, shown.session.state, ended], ['done', 'pending', undefined]);
  await act(async () => { client.calls[1].resolve({ session: { id: 'cs_1', state: 'connected' }, isLast: true }); });
  assert.deepEqual([shown.status, shown.session.state, ended?.state], ['done', 'connected', 'connected']);
});

test('a double tap is one attempt; a tap after the end is another', async () => {
  const client = fakeClient();
  const { shown } = await mounted(client);
  await act(async () => {
    assert.equal(shown.connect(), shown.connect());
  });
  assert.equal(client.calls.length, 1);
  const failure = new Error('no');
  await act(async () => { client.calls[0].reject(failure); });
  assert.deepEqual([shown.status, shown.error], ['failed', failure]);
  await act(async () => { shown.connect(); });
  assert.deepEqual([client.calls.length, shown.status, shown.error], [2, 'connecting', null]);
});

test('another request takes the place of the first, and so does a tap after a redirect that did not happen', async () => {
  const client = fakeClient();
  const seen = [];
  const { shown } = await mounted(client, { onEvent: ({ type }) => seen.push(type) });
  const tap = (request) => act(async () => { shown.connect(request); });
  await tap({ language: 'de' });
  await tap({ language: 'fr' });
  assert.deepEqual(client.calls.map(({ request, options }) => [request.language, options.signal.aborted]), [
    ['de', true], ['fr', false]]);
  client.calls[1].options.onEvent({ type: 'open' });
  await tap({ language: 'fr' });
  assert.equal(client.calls.length, 2);
  client.calls[1].options.onEvent({ type: 'redirect' });
  await tap({ language: 'fr' });
  assert.deepEqual([client.calls.length, shown.status, seen], [3, 'connecting', ['open', 'redirect']]);
});

test('cancel and leaving abort what runs, and show nothing more', async () => {
  const client = fakeClient();
  const { shown, tree } = await mounted(client);
  await act(async () => { shown.connect(); });
  await act(async () => { shown.cancel(); });
  assert.deepEqual([client.calls[0].options.signal.aborted, shown.status, shown.error], [true, 'idle', null]);
  await act(async () => { shown.connect(); });
  await act(async () => { tree.unmount(); });
  assert.ok(client.calls[1].options.signal.aborted);
});

test('shows the session of a return URL, and is the same function over renders', async () => {
  const { shown, update } = await mounted(fakeClient({ resumes: { id: 'cs_1', state: 'connected' } }));
  assert.deepEqual([shown.status, shown.session.id], ['done', 'cs_1']);
  const { connect, cancel } = shown;
  await update({ mode: 'popup' });
  assert.deepEqual([shown.connect === connect, shown.cancel === cancel], [true, true]);
  const ignoring = await mounted(fakeClient({ resumes: { id: 'cs_1', state: 'connected' } }), { resume: false });
  assert.equal(ignoring.shown.status, 'idle');
});
