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
  const imports = scripts.flatMap((script) => [...script.matchAll(/ from '([^']+)'/g)].map(([, name]) => name));
  assert.deepEqual(imports.filter((name) => !files.includes(name.slice(2))), ['react']);
});

test('has each file that it names, and the release of the service', () => {
  const published = [...Object.values(manifest.exports).flatMap(Object.values), manifest['react-native'], manifest.types];
  assert.deepEqual(published.filter((name) => !files.includes(name.slice(2))), []);
  const named = files.filter((name) => manifest.files.some((pattern) => name.endsWith(pattern.slice(1))));
  assert.deepEqual(files.filter((name) => !named.includes(name)).sort(), ['README.md', 'package.json']);
  assert.equal(manifest.version, /"(\d+\.\d+\.\d+)"/.exec(read('Sources/Core/ProductVersion.swift'))[1]);
});

test('has no copy of the script that the service serves: it loads that one', () => {
  const code = scripts.join('\n');
  assert.deepEqual(code.match(/\bimport\(.*?\)/g).map((call) => call.replace(/\/\*.*?\*\/ /g, '')), ['import(address)']);
  assert.deepEqual(code.match(/#load\(.*?\)/g), ['#load(`${this.#base}/connect.js${again}`)']);
  // The lines of some length that both have.
  const lines = (text) => text.split('\n').map((line) => line.trim()).filter((line) => line.length > 45 && !line.startsWith('//'));
  const served = new Set(lines(read('Sources/ConnectPage/Assets/connect.js')));
  assert.deepEqual(lines(code).filter((line) => served.has(line)), []);
  assert.doesNotMatch(code, /showModal|postMessage|MessageChannel|iframe/);
});

test('logs and stores nothing', () => {
  assert.doesNotMatch(scripts.join('\n'), /console|Storage|indexedDB|document\.cookie|caches/);
});

test('has no script by its address where React Native’s bundler looks', () => {
  const reached = new Set();
  const follow = (name) => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const [, next] of read(`clients/typescript/${name}`).matchAll(/ from '\.\/([^']+)'/g)) follow(next);
  };
  assert.equal(manifest['react-native'], manifest.exports['.']['react-native']);
  follow(manifest['react-native'].slice(2));
  assert.deepEqual([...reached], ['native.js', 'client.js']);
  for (const name of reached) assert.ok(!/\bimport\s*\(/.test(read(`clients/typescript/${name}`)), name);
});
