// What connect.js accepts, says and resolves with.  node --test Tests/Page/

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { load, settled, startBrowser } from './fake-browser.mjs';

const ticket = 'cs_8b18d54dcc886741157f346e.AAAAAAAAAAAAAAAAAAAAAA';
const launchUrl = `https://connect.example.com/connect#ticket=${ticket}`;
const source = readFileSync(new URL('../../Sources/ConnectPage/Assets/connect.js', import.meta.url), 'utf8');

/** Opens a session, and what it led to. */
async function opened(options = {}, browserOptions = {}, address = undefined) {
  const browser = startBrowser(browserOptions);
  const connect = await load(address);
  const events = [];
  const result = connect.open({ launchUrl, onEvent: (event) => events.push(event), ...options });
  const outcome = { isOver: false };
  result.then((value) => Object.assign(outcome, { isOver: true, value }), (error) => Object.assign(outcome, { isOver: true, error }));
  await settled();
  const page = options.mode === 'popup' ? browser.windows[0] : browser.find('iframe')?.contentWindow;
  return { browser, connect, events, outcome, page, dialog: browser.find('dialog') };
}

const isRefused = (error) => error instanceof TypeError && /^connect\.open: /.test(error.message) && !error.message.includes(ticket);

test('refuses a launch URL that is not of the hosted page beside the script', async (context) => {
  const refused = [
    undefined, null, '', 42, {}, 'connect', `/connect#ticket=${ticket}`, `//connect.example.com/connect#ticket=${ticket}`,
    `javascript:alert(1)//${ticket}`, `data:text/html,${ticket}`, `myapp://connect?fp_cot=${ticket}`, `blob:${launchUrl}`,
    `http://connect.example.com/connect#ticket=${ticket}`, `https://connect.example.com:8443/connect#ticket=${ticket}`,
    `https://connect.example.com.evil.example/connect#ticket=${ticket}`, `https://evil.example/connect#ticket=${ticket}`,
    `https://connect.example.com@evil.example/connect#ticket=${ticket}`,
    `https://user:secret@connect.example.com/connect#ticket=${ticket}`,
    `https://connect.example.com/?fp_cot=${ticket}`, `https://connect.example.com/connect/#ticket=${ticket}`,
    `https://connect.example.com/connect/popup#ticket=${ticket}`, `https://connect.example.com/bff/connect#ticket=${ticket}`,
  ];
  for (const address of refused) {
    await context.test(String(address), async () => {
      for (const mode of ['modal', 'popup', 'redirect']) {
        const { browser, events, outcome } = await opened({ launchUrl: address, mode });
        assert.ok(isRefused(outcome.error), `${mode}: ${outcome.error}`);
        assert.deepEqual([browser.elements, browser.windows, browser.assigned, events], [[], [], [], []], mode);
      }
    });
  }
});

test('accepts a launch URL under the path of the script', async () => {
  const prefixed = `https://example.com/bff/connect?lang=de#ticket=${ticket}`;
  const { page, outcome } = await opened({ launchUrl: prefixed }, {}, 'https://example.com/bff/connect.js');
  assert.equal(page.address, prefixed);
  assert.equal(outcome.isOver, false);
});

test('refuses an unknown mode', async () => {
  const { outcome } = await opened({ mode: 'toString' });
  assert.ok(isRefused(outcome.error));
});

for (const mode of ['modal', 'popup']) {
  test(`${mode}: hands a port to the page alone`, async () => {
    const { browser, page } = await opened({ mode });
    assert.equal(page.address, launchUrl);
    page.greets({ source: globalThis });
    page.greets({ source: null });
    page.greets({ origin: 'https://evil.example' });
    page.greets({ origin: 'null' });
    page.greets({ data: 'connect-bff:ready' });
    page.greets({ data: null });
    page.greets({ data: { type: 'connect-bff:port' } });
    assert.deepEqual(page.posted, []);
    page.greets();
    assert.deepEqual(page.posted, [
      { data: { type: 'connect-bff:port' }, targetOrigin: 'https://connect.example.com' },
    ]);
    assert.ok(browser.timers() <= 1, 'the 15 seconds are over');
  });

  test(`${mode}: resolves with what the page says, once, and leaves nothing behind`, async () => {
    const { browser, page, events, outcome, dialog } = await opened({ mode });
    await page.greets().says({ type: 'open' });
    await page.says({ type: 'screen', route: 'provider_select' });
    await page.says({ type: 'end', session: 'cs_1', status: 'connected', more: ticket });
    assert.deepEqual(outcome.value, { session: 'cs_1', status: 'connected' });
    await page.says({ type: 'end', session: 'cs_2', status: 'failed' });
    assert.deepEqual(events, [
      { type: 'open' }, { type: 'screen', route: 'provider_select' },
      { type: 'end', session: 'cs_1', status: 'connected' },
    ]);
    page.posted = [];
    page.greets();
    assert.deepEqual(page.posted, [], 'it no longer listens');
    assert.equal(browser.timers(), 0);
    if (mode === 'popup') return assert.ok(page.closed);
    assert.equal(dialog.open, false);
    assert.equal(browser.find('connect-bff').isConnected, false);
    return assert.equal(document.documentElement.style.overflow, 'auto');
  });

  test(`${mode}: ignores what it does not know, and passes no other types on`, async () => {
    const { page, events, outcome } = await opened({ mode });
    page.greets();
    for (const message of [undefined, null, 7, 'end', [], { type: 'toString' }, { type: 'screen', route: 7 }, { type: 'error' }]) {
      await page.says(message);
    }
    assert.deepEqual(events, []);
    await page.says({ type: 'end', session: { toString: () => 'cs_1' }, status: 7 });
    assert.deepEqual(outcome.value, { session: null, status: null });
  });

  test(`${mode}: a redirect leads to the hosted page and nowhere else`, async () => {
    const { browser, page, events, outcome } = await opened({ mode });
    page.greets();
    for (const url of [
      undefined, 'javascript:alert(1)', 'https://evil.example/connect#ticket=1', 'https://connect.example.com/other',
      'https://connect.example.com/connect/popup', '//connect.example.com/connect',
    ]) await page.says({ type: 'redirect', url });
    assert.deepEqual([browser.assigned, events], [[], []]);
    await page.says({ type: 'redirect', url: 'https://connect.example.com/connect?lang=en#ticket=cs_1.B' });
    assert.deepEqual(browser.assigned, ['https://connect.example.com/connect?lang=en#ticket=cs_1.B']);
    assert.deepEqual(events, [{ type: 'redirect' }], 'an event never has the address');
    assert.equal(page.closed, mode === 'popup');
    await browser.wait(1_000);
    assert.equal(outcome.isOver, false, 'the customer is on the way');
  });

  test(`${mode}: a reload of the page gets a port of its own`, async () => {
    const { page, events, outcome } = await opened({ mode });
    await page.greets().says({ type: 'open' });
    await page.greets().says({ type: 'open' });
    assert.deepEqual(events, [{ type: 'open' }, { type: 'open' }]);
    await page.says({ type: 'end', session: 'cs_1', status: 'pending' });
    assert.deepEqual(outcome.value, { session: 'cs_1', status: 'pending' });
  });

  test(`${mode}: says that the page does not report, and takes it all the same when it comes late`, async () => {
    const { browser, page, events, outcome } = await opened({ mode });
    await browser.wait(14_999);
    assert.deepEqual(events, []);
    await browser.wait(1);
    assert.deepEqual(events, [{ type: 'error', code: 'not_ready' }]);
    await page.greets().says({ type: 'end', session: 'cs_1', status: 'connected' });
    assert.deepEqual(outcome.value, { session: 'cs_1', status: 'connected' });
  });

  test(`${mode}: appears before the mint is answered`, async () => {
    let minted;
    const { page, outcome, dialog } = await opened({ mode, launchUrl: new Promise((resolve) => { minted = resolve; }) });
    assert.ok(mode === 'popup' ? page : dialog.open);
    minted(launchUrl);
    await settled();
    assert.equal(page.address, launchUrl);
    assert.equal(outcome.isOver, false);
  });

  test(`${mode}: goes with a mint that fails, or gives another address`, async () => {
    for (const [mint, isExpected] of [
      [Promise.reject(new RangeError('no mint')), (error) => error instanceof RangeError],
      [Promise.resolve(`https://evil.example/connect#ticket=${ticket}`), isRefused],
    ]) {
      const { page, outcome, dialog, connect } = await opened({ mode, launchUrl: mint });
      assert.ok(isExpected(outcome.error), outcome.error);
      assert.ok(mode === 'popup' ? page.closed : !dialog.open);
      connect.open({ launchUrl, mode });
      assert.equal(dialog?.open, mode === 'popup' ? undefined : false, 'a new one is another one');
    }
  });

  test(`${mode}: a second session is refused while one is open`, async () => {
    const { connect, page, browser } = await opened({ mode });
    await assert.rejects(connect.open({ launchUrl, mode }), { name: 'InvalidStateError' });
    assert.equal(browser.windows.length + browser.elements.filter(({ name }) => name === 'iframe').length, 1);
    await page.greets().says({ type: 'close' });
    connect.open({ launchUrl, mode });
    await settled();
    assert.equal(browser.windows.length + browser.elements.filter(({ name }) => name === 'iframe').length, 2);
  });
}

test('a listener that throws is reported and stops nothing', async () => {
  const { browser, page, outcome } = await opened({ onEvent: () => { throw new RangeError('mine'); } });
  await page.greets().says({ type: 'end', session: 'cs_1', status: 'connected' });
  assert.equal(browser.errors[0].message, 'mine');
  assert.deepEqual(outcome.value, { session: 'cs_1', status: 'connected' });
});

test('Escape asks the page to close, and closes after 2 seconds anyway', async () => {
  const { browser, page, events, outcome, dialog } = await opened();
  page.greets();
  const escape = new Event('cancel', { cancelable: true });
  dialog.dispatchEvent(escape);
  await settled();
  assert.ok(escape.defaultPrevented);
  assert.deepEqual(page.heard, [{ type: 'close' }]);
  await browser.wait(1_999);
  assert.equal(outcome.isOver, false);
  await browser.wait(1);
  assert.deepEqual(outcome.value, { session: null, status: null });
  assert.deepEqual(events, [{ type: 'close', session: null, status: null }]);
});

test('Escape gives the page time to say how it ended', async () => {
  const { browser, page, outcome, dialog } = await opened();
  page.greets();
  dialog.dispatchEvent(new Event('cancel', { cancelable: true }));
  await browser.wait(1_000);
  await page.says({ type: 'end', session: 'cs_1', status: 'abandoned' });
  assert.deepEqual(outcome.value, { session: 'cs_1', status: 'abandoned' });
});

test('before the page has reported, Escape and the close button close at once', async () => {
  for (const leave of [
    ({ dialog }) => dialog.dispatchEvent(new Event('cancel', { cancelable: true })),
    ({ browser }) => browser.button('Close').click(),
    // What browsers do at a second Escape.
    ({ dialog }) => dialog.close(),
  ]) {
    const all = await opened();
    leave(all);
    await settled();
    assert.deepEqual(all.outcome.value, { session: null, status: null });
  }
});

test('a document that takes the place of the page and does not report is seen', async () => {
  const { browser, page, events, dialog } = await opened();
  const frame = browser.find('iframe');
  await page.greets().says({ type: 'open' });
  frame.onload();
  await browser.wait(60_000);
  assert.deepEqual(events, [{ type: 'open' }], 'the load was the page\'s own');
  frame.onload();
  assert.equal(dialog.className, '', 'it may still report');
  await browser.wait(15_000);
  assert.deepEqual(events.at(-1), { type: 'error', code: 'not_ready' });
  assert.equal(dialog.className, 'waiting');
  assert.equal(document.activeElement, browser.button('Close'));
});

test('a page that does not report can be opened in a tab', async () => {
  const { browser, outcome } = await opened();
  await browser.wait(15_000);
  browser.button('Open in a new tab').click();
  await settled();
  const [tab] = browser.windows;
  assert.deepEqual([tab.address, tab.features], [launchUrl, 'noopener']);
  assert.deepEqual(outcome.value, { session: null, status: null });
});

test('the dialog has names, in the language of the session or of the app', async () => {
  const names = async (options, browserOptions) => {
    const { browser, dialog } = await opened(options, browserOptions);
    const frame = browser.find('iframe').attributes;
    assert.equal(frame.title, dialog.attributes['aria-label']);
    assert.deepEqual([frame.allow, frame.referrerpolicy], ['', 'no-referrer']);
    return [frame.title, browser.elements.find(({ attributes }) => attributes.class === 'x').attributes['aria-label']];
  };
  assert.deepEqual(await names(), ['Connect your tariff', 'Close']);
  assert.deepEqual(await names({}, { language: 'de-CH' }), ['Stromtarif verbinden', 'Schließen']);
  assert.deepEqual(await names({ launchUrl: launchUrl.replace('#', '?lang=nl#') }, { language: 'de' }),
    ['Uw energiecontract koppelen', 'Sluiten']);
  assert.deepEqual(await names({}, { language: 'constructor' }), ['Connect your tariff', 'Close']);
  assert.deepEqual(await names({ title: 'Tariff', closeLabel: 'Leave' }), ['Tariff', 'Leave']);
});

test('nothing of the launch URL is in an attribute, in a text or in the sheet', async () => {
  const { browser } = await opened();
  await browser.wait(15_000);
  for (const { attributes, children } of browser.elements) {
    const texts = children.filter((child) => typeof child === 'string');
    assert.ok(!JSON.stringify([attributes, texts]).includes('ticket'));
  }
});

test('a dialog that the app removed does not keep the next one from opening', async () => {
  const { browser, connect, outcome } = await opened();
  browser.find('connect-bff').remove();
  connect.open({ launchUrl });
  await settled();
  assert.deepEqual(outcome.value, { session: null, status: null });
  assert.equal(browser.find('dialog').open, true);
});

test('an app that aborts closes what is open, and gets its own reason', async () => {
  for (const mode of ['modal', 'popup']) {
    for (const isMinting of [true, false]) {
      const controller = new AbortController();
      const { browser, connect, events, outcome, page } = await opened({
        mode, signal: controller.signal, ...isMinting && { launchUrl: new Promise(() => {}) },
      });
      if (!isMinting) await page.greets().says({ type: 'open' });
      controller.abort('enough');
      await settled();
      assert.deepEqual([outcome.error, events.at(-1)?.type], ['enough', isMinting ? undefined : 'open'], mode);
      assert.equal(browser.timers(), 0, `${mode} ${isMinting}`);
      if (mode === 'popup') assert.ok(page.closed);
      else assert.equal(browser.find('connect-bff').isConnected, false);
      connect.open({ launchUrl, mode });
      await settled();
      assert.ok(browser.timers(), 'the next one opens');
    }
    const aborted = await opened({ mode, signal: AbortSignal.abort('before') });
    assert.deepEqual([aborted.outcome.error, aborted.browser.elements, aborted.browser.windows], ['before', [], []]);
  }
  const controller = new AbortController();
  let mint;
  const { browser, outcome } = await opened({
    mode: 'redirect', signal: controller.signal, launchUrl: new Promise((resolve) => { mint = resolve; }),
  });
  controller.abort('enough');
  mint(launchUrl);
  await settled();
  assert.deepEqual([outcome.error, browser.assigned], ['enough', []]);
});

test('a popup that the customer closes ends the session', async () => {
  const { browser, page, events, outcome } = await opened({ mode: 'popup' });
  await page.greets().says({ type: 'open' });
  page.closed = true;
  await browser.wait(1_000);
  assert.deepEqual(outcome.value, { session: null, status: null });
  assert.deepEqual(events.at(-1), { type: 'close', session: null, status: null });
});

test('a popup that is blocked becomes a redirect', async () => {
  const { browser, events, outcome } = await opened({ mode: 'popup' }, { blocksPopups: true });
  assert.deepEqual(events, [{ type: 'error', code: 'popup_blocked' }, { type: 'redirect' }]);
  assert.deepEqual(browser.assigned, [launchUrl]);
  assert.equal(outcome.isOver, false);
});

test('a redirect resolves only for a document that comes back', async () => {
  const { browser, outcome } = await opened({ mode: 'redirect' });
  assert.deepEqual(browser.assigned, [launchUrl]);
  globalThis.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
  await settled();
  assert.equal(outcome.isOver, false);
  globalThis.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  await settled();
  assert.deepEqual(outcome.value, { session: null, status: null });
});

test('a browser without dialogs or constructed sheets is redirected', async () => {
  for (const lacks of [() => { globalThis.HTMLDialogElement = class {}; }, () => { delete document.adoptedStyleSheets; }]) {
    const browser = startBrowser();
    const connect = await load();
    lacks();
    connect.open({ launchUrl });
    await settled();
    assert.deepEqual(browser.assigned, [launchUrl]);
  }
});

test('resume reads the result and takes it out of the address', async (context) => {
  const cases = [
    ['https://app.example.com/?session=cs_1&status=connected', 'https://app.example.com/'],
    ['https://app.example.com/t?a=%20b+c&session=cs_1&status=connected', 'https://app.example.com/t?a=%20b+c'],
    ['https://app.example.com/t?session=cs_1&status=connected&utm=$&#/tariff', 'https://app.example.com/t?utm=$&#/tariff'],
    ['https://app.example.com//evil.example/?session=cs_1&status=connected', 'https://app.example.com//evil.example/'],
    ['https://app.example.com/?session=cs_1&status=connected&code=short', 'https://app.example.com/?code=short'],
    ['https://app.example.com/?session=cs_1&status=connected&b=1&code=AAAAAAAAAAAAAAAAAAAAAA', 'https://app.example.com/?b=1&code=AAAAAAAAAAAAAAAAAAAAAA'],
    ['https://app.example.com/'],
    ['https://app.example.com/?session=cs_1'],
    ['https://app.example.com/?status=connected&session=cs_1'],
    ['https://app.example.com/?mysession=cs_1&status=connected'],
    ['https://app.example.com/?session=cs_1&status=<b>'],
    ['https://app.example.com/#?session=cs_1&status=connected'],
  ];
  for (const [href, expected] of cases) {
    await context.test(href, async () => {
      const browser = startBrowser({ href });
      const { resume } = await load();
      const result = resume();
      if (!expected) {
        assert.equal(result, null);
        return assert.equal(browser.replaced, undefined);
      }
      assert.deepEqual(result, { session: 'cs_1', status: 'connected' });
      return assert.deepEqual(browser.replaced, { state: { kept: true }, url: expected });
    });
  }
});

test('resume reads the code of a session that needs a confirmation, and takes it out, too', async () => {
  const code = 'AAECAwQFBgcICQoLDA0ODw';
  for (const [before, after] of [['', ''], ['?a=1&', '?a=1'], ['?', '']]) {
    const href = `https://app.example.com/${before || '?'}session=cs_1&status=connected&code=${code}`;
    const browser = startBrowser({ href });
    const { resume } = await load();
    assert.deepEqual(resume(), { session: 'cs_1', status: 'connected', code });
    assert.equal(browser.replaced.url, `https://app.example.com/${after}`);
  }
});

test('a code is in the result, and not in the event', async () => {
  const { page, outcome, events } = await opened();
  await page.greets().says({ type: 'end', session: 'cs_1', status: 'connected', code: 'AAECAwQFBgcICQoLDA0ODw' });
  assert.deepEqual(outcome.value, { session: 'cs_1', status: 'connected', code: 'AAECAwQFBgcICQoLDA0ODw' });
  assert.deepEqual(events.at(-1), { type: 'end', session: 'cs_1', status: 'connected' });
});

test('a page whose end has a code gets the time for it, once it was asked to close', async () => {
  const { browser, page, outcome, dialog } = await opened();
  await page.greets().says({ type: 'ending' });
  dialog.dispatchEvent(new Event('cancel', { cancelable: true }));
  await page.says({ type: 'ending' });
  await browser.wait(7_999);
  assert.equal(outcome.isOver, false);
  await browser.wait(1);
  assert.deepEqual(outcome.value, { session: null, status: null });
});

test('the script is small, has no dependency, and nothing that a content policy forbids', () => {
  assert.ok(gzipSync(source, { level: 9 }).length < 5.25 * 1024, `${gzipSync(source, { level: 9 }).length} bytes`);
  assert.doesNotMatch(source, /^import |\bimport\(|innerHTML|insertAdjacentHTML|\.src\b|<style|eval|Storage|fetch\(/m);
});

test('each language has each text', () => {
  const table = /^const texts = \{$(.*?)^\};$/ms.exec(source)[1];
  const texts = Function(`return {${table}}`)();
  assert.deepEqual(Object.keys(texts), ['en', 'de', 'fr', 'nl']);
  for (const language of Object.values(texts)) {
    assert.deepEqual(Object.keys(language), Object.keys(texts.en));
    assert.ok(Object.values(language).every((text) => text.length > 0));
  }
});
