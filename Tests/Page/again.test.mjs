// The button of a page that the service made itself.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './assets.mjs';

test('“Try again” loads the address once more, where the link would lose its fragment', async () => {
  const link = new EventTarget();
  let reloads = 0;
  globalThis.document = { getElementById: (id) => (id === 'again' ? link : null) };
  globalThis.location = { reload() { reloads += 1; } };
  await load('again.js');
  assert.equal(reloads, 0);
  const click = new Event('click', { cancelable: true });
  link.dispatchEvent(click);
  assert.equal(reloads, 1);
  assert.ok(click.defaultPrevented);
});
