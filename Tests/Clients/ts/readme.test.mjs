// The code of README.md, as it stands there, with `connect-bff dev`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import test from 'node:test';

import { ConnectClient, ConnectError } from '../../../clients/typescript/index.js';

const root = new URL('../../../', import.meta.url).pathname;
const blocks = [...readFileSync(`${root}clients/typescript/README.md`, 'utf8').matchAll(/^```js\n(.*?)^```$/gms)]
  .map(([, text]) => text);
const blockWith = (text) => blocks.find((each) => each.includes(text));
const AsyncFunction = (async () => {}).constructor;

/** Runs a block with what is the app's, and gives the values that it has then. */
const run = (block, app, names) =>
  new AsyncFunction(...Object.keys(app), `${block.replace(/^import .*\n/m, '')}\nreturn { ${names} };`)(...Object.values(app));

/** Below those that the kernel gives to clients. */
async function freePort() {
  for (;;) {
    const port = randomInt(12_000, 32_000);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

async function startDev() {
  const [port, admin] = [await freePort(), await freePort()];
  const program = process.env.CONNECT_BFF ?? `${root}.build/debug/connect-bff`;
  const dev = spawn(program, ['dev', '--port', port, '--admin-port', admin, '--sandbox-port', '0']);
  let failure = '';
  dev.stderr.on('data', (piece) => { failure += piece; });
  let said = '';
  for await (const piece of dev.stdout) {
    said += piece;
    if (said.includes('Ctrl-C stops.')) break;
  }
  assert.ok(said.includes('Ctrl-C stops.'), `dev has not started: ${failure}`);
  return { baseURL: `http://localhost:${port}`, stop: () => dev.kill() };
}

test('the customer of the README connects, and its app shows the tariff and a price', async () => {
  const dev = await startDev();
  try {
    const { baseURL } = dev;
    const { client } = await run(blockWith('X-Dev-Subject').replace('http://localhost:8080', baseURL), { ConnectClient }, 'client');
    const { session } = await run(blockWith('async function present'), { baseURL, client }, 'session');
    assert.deepEqual([session.state, session.confirmed, session.location_id?.slice(0, 4)], ['connected', true, 'loc_']);

    const shown = [];
    const app = {
      ConnectClient: class { constructor() { return client; } }, ConnectError, auth: {}, button: {}, signIn: assert.fail,
      tell: assert.fail, render: (...all) => shown.push(all), signal: new AbortController().signal };
    const { attempt, show } = await run(blockWith('button.onclick'), app, 'attempt, show');
    await show(session);
    assert.deepEqual(shown, [['connected', shown[0][1], 0.2345, 'GBP']]);
    assert.equal(typeof shown[0][1], 'string');
    await show({ state: 'connected', confirmed: false });
    assert.deepEqual(shown[1], ['connected']);
    // Nothing to resume.
    await attempt(async () => null);

    const said = [];
    const failing = await run(blockWith('button.onclick'), { ...app, tell: (text) => said.push(text) }, 'attempt');
    await failing.attempt(() => client.session('cs_unknown'));
    await failing.attempt(() => Promise.reject(new ConnectError('network_error')));
    assert.match(said.join('\n'), /^That did not work \(req_\w+\)\.\nNo connection\. Try again\.$/);
  } finally {
    dev.stop();
  }
});
