// What is published.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

const root = new URL('../../../', import.meta.url);
const read = (name) => readFileSync(new URL(name, root), 'utf8');
const files = readdirSync(new URL('clients/typescript', root));
const scripts = files.filter((name) => name.endsWith('.js')).map((name) => read(`clients/typescript/${name}`));
const manifest = JSON.parse(read('clients/typescript/package.json'));

test('is small, and needs nothing', () => {
  const size = gzipSync(scripts.join('\n'), { level: 9 }).length;
  assert.ok(size < 8192, `the scripts have ${size} bytes compressed`);
  assert.deepEqual([manifest.dependencies, manifest.peerDependenciesMeta], [undefined, { react: { optional: true } }]);
  assert.deepEqual(scripts.flatMap((script) => [...script.matchAll(/ from '([^']+)'/g)].map(([, name]) => name)), ['react']);
});

test('has each file that it names, and the release of the service', () => {
  for (const { types, default: script } of Object.values(manifest.exports)) {
    assert.ok(files.includes(types.slice(2)) && files.includes(script.slice(2)));
  }
  const named = files.filter((name) => manifest.files.includes(name) || (name.endsWith('.d.ts') && manifest.files.includes('*.d.ts')));
  assert.deepEqual(files.filter((name) => !named.includes(name)).sort(), ['README.md', 'package.json']);
  assert.equal(manifest.version, /"(\d+\.\d+\.\d+)"/.exec(read('Sources/Core/ProductVersion.swift'))[1]);
});

test('has no copy of the script that the service serves: it loads that one', () => {
  const code = scripts.join('\n');
  assert.deepEqual(code.match(/import\(.*\)/g).map((call) => call.replace(/\/\*.*?\*\/ /g, '')), ['import(`${this.#base}/connect.js`)']);
  // The lines of some length that both have.
  const lines = (text) => text.split('\n').map((line) => line.trim()).filter((line) => line.length > 45 && !line.startsWith('//'));
  const served = new Set(lines(read('Sources/ConnectPage/Assets/connect.js')));
  assert.deepEqual(lines(code).filter((line) => served.has(line)), []);
  assert.doesNotMatch(code, /showModal|postMessage|MessageChannel|iframe/);
});

test('logs and stores nothing', () => {
  assert.doesNotMatch(scripts.join('\n'), /console|Storage|indexedDB|document\.cookie|caches/);
});
