// The pages of BUSBAR, Flatpeak's API version 2026-08-01: renamed ones, and a summary of several tariffs.
// node --test Tests/Page/

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { languages, repository, speak, texts } from './assets.mjs';
import { labelOf, open, openFlat, screens, text } from './drawn.mjs';

const provider = { id: 'prv_1', display_name: 'Brackenfield Energy' };

test.beforeEach(() => speak('en'));

// MARK: - Renamed pages

test('every page that BUSBAR is known to rename has a screen', () => {
  const facts = readFileSync(new URL('docs/upstream.md', repository), 'utf8');
  const [, row] = /^\| Routes \|(.*)\|$/m.exec(facts);
  const routes = [...row.matchAll(/`([a-z_]+)`/g)].map(([, route]) => route).filter((route) => route !== 'vpp_landing');
  assert.ok(routes.length >= 6, row);
  assert.deepEqual(routes.filter((route) => !Object.hasOwn(screens, route)), []);
  assert.equal(screens.vpp_landing, undefined);
});

test('renamed pages send what the old ones do', () => {
  const address = open('postal_address_input', { postal_address: { country_code: 'GB', address_line1: 'a', city: 'b', post_code: 'c' } });
  assert.deepEqual(address.press('Continue').sent, [['submit', { postal_address: { address_line1: 'a', city: 'b', post_code: 'c', country_code: 'GB' } }]]);
  const structure = open('plan_structure', { provider, options: ['FIXED', 'ADVANCED_TARIFF_INPUT'] });
  assert.ok(structure.text.includes(text('structure.ADVANCED.text')));
  assert.deepEqual(structure.press(text('structure.ADVANCED')).sent, [['submit', { options: ['ADVANCED_TARIFF_INPUT'] }]]);
  const name = open('tariff_name_input', { provider, tariff: { name: '' } });
  assert.deepEqual(name.fill({ tariff_name: 'Mine' }).press('Continue').sent, [['submit', { tariff: { name: 'Mine' } }]]);
  const failed = open('connection_failed', { provider }, { actions: ['EDIT', 'DISCONNECT', 'BACK'] });
  assert.deepEqual(failed.press('Try again').sent, [['act', 'EDIT']]);
});

// MARK: - The summary of several tariffs

const price = (from, to, value, confidence = 1) => ({ valid_from: from, valid_to: to, price: { value, confidence } });
const day = (...values) => values.map((value, index) => price(
  `2026-11-23T${String(index * 12).padStart(2, '0')}:00:00Z`, index === 0 && values.length > 1 ? '2026-11-23T12:00:00Z' : '2026-11-24T00:00:00Z', value));
const importing = {
  type: 'COMMODITY', direction: 'IMPORT', status: 'CONNECTED', tariff_id: 'trf_1', connection_type: 'DIRECT',
  market_rates_source: true, display_name: 'Lantern', temporary: false, vat: 0.19, provider,
  prices: { yesterday: [], today: day(0.2, 0.3), tomorrow: [] },
};
const exporting = {
  ...importing, direction: 'EXPORT', status: 'ERROR_REPORTED', display_name: 'Sunflower', vat: undefined,
  prices: { today: day(0.08), tomorrow: [] },
};
const reports = ['CREATE_ISSUE_REPORT', 'UPDATE_ISSUE_REPORT', 'CANCEL_ISSUE_REPORT'];
const newer = ['DISCONNECT', 'RECONNECT', ...reports, 'CLOSE', 'BACK'];

test('shows each tariff, with its prices by price.value', () => {
  const screen = openFlat('tariffs_summary', { currency_code: 'GBP', tariffs: [importing, exporting], actions: newer });
  assert.equal(screen.title, text('tariffs.title'));
  for (const expected of [
    text('tariffs.import'), text('tariffs.export'), 'Lantern', 'Sunflower', 'Brackenfield Energy', '20 – 30 p/kWh',
    'Unit rate8 p/kWh', 'VAT19%', `Status${text('status.ERROR_REPORTED')}`,
  ]) assert.ok(screen.text.includes(expected), `${expected} in: ${screen.text}`);
  assert.equal(screen.all('section').length, 2);
  assert.ok(!screen.text.includes(text('tariffs.estimate')));
  assert.deepEqual(screen.actions, ['RECONNECT']);
  assert.deepEqual(screen.press('Done').press(text('action.EDIT')).sent, [['act', 'CLOSE'], ['act', 'RECONNECT']]);
});

test('one tariff has no heading of its own', () => {
  const screen = openFlat('tariffs_summary', { currency_code: 'GBP', tariffs: [importing], actions: newer });
  assert.equal(screen.title, text('summary.title'));
  assert.equal(screen.all('h2').length, 0);
});

test('the older edition has an object by direction and type, under the route of ANODE', () => {
  const prices = { today: [{ ...day(0.2)[0], price: { value: 0.2, vat: 1.19, confidence: 1 } }], tomorrow: [] };
  const slots = {
    commodity_import: { ...importing, vat: undefined, type: undefined, direction: undefined, is_temporary: false, prices },
    non_commodity_import: { ...importing, type: undefined, direction: undefined, prices },
    commodity_export: { status: 'NOT_CONNECTED' }, local: { status: 'NOT_SUPPORTED' },
  };
  delete slots.commodity_import.type;
  delete slots.commodity_import.direction;
  delete slots.non_commodity_import.type;
  delete slots.non_commodity_import.direction;
  const actions = ['DISCONNECT', 'CHANGE', 'RETRY', ...reports, 'CLOSE', 'BACK'];
  const screen = openFlat('tariff_summary', { currency_code: 'GBP', tariff_status: slots, actions });
  assert.equal(screen.all('section').length, 2);
  for (const expected of [text('tariffs.import'), text('tariffs.network'), 'VAT19%']) {
    assert.ok(screen.text.includes(expected), `${expected} in: ${screen.text}`);
  }
  assert.deepEqual(screen.actions, []);
});

test('a tariff that cannot be read is an estimate, and connecting again comes first', () => {
  const broken = { ...importing, status: 'ERROR ', temporary: true };
  const screen = openFlat('tariffs_summary', { currency_code: 'GBP', tariffs: [broken], actions: newer });
  assert.equal(screen.title, text('tariffs.error'));
  assert.equal(screen.lead, text('tariffs.error.lead'));
  assert.ok(screen.text.includes(text('tariffs.estimate')));
  assert.equal(screen.all('button').find((each) => each.getAttribute('class') === 'primary').textContent, text('summary.reconnect.action'));
  assert.deepEqual(screen.press(text('summary.reconnect.action')).sent, [['act', 'RECONNECT']]);
  const older = openFlat('tariff_summary', {
    currency_code: 'GBP', tariff_status: { commodity_import: { ...broken, temporary: undefined, is_temporary: true } },
    actions: ['DISCONNECT', 'CHANGE', 'RETRY', 'CLOSE', 'BACK'],
  });
  assert.deepEqual(older.actions, ['RETRY']);
  assert.deepEqual(older.press('Try again').sent, [['act', 'RETRY']]);
});

test('no tariff, and absurd ones, leave a way out', () => {
  for (const members of [
    { tariffs: [] }, { tariffs: [null, 7, 'x'] }, { tariff_status: {} }, { tariff_status: { commodity_import: null } },
    { tariffs: [{ status: 7, prices: { today: 'x' }, vat: 'x', provider: 3, display_name: {} }] },
    { tariffs: [{ status: 'SOMETHING_NEW', prices: [] }] },
  ]) {
    const screen = openFlat('tariffs_summary', members);
    assert.deepEqual(screen.press('Done').sent, [['act', 'CLOSE']], JSON.stringify(members));
  }
  assert.equal(openFlat('tariffs_summary', { tariffs: [] }).title, text('tariffs.none'));
  assert.ok(openFlat('tariffs_summary', { tariffs: [{ status: 'SOMETHING_NEW' }] }).text.includes('Something new'));
});

test('the summary is in every language', async () => {
  for (const language of languages) {
    await speak(language);
    const screen = openFlat('tariffs_summary', { currency_code: 'EUR', tariffs: [importing, exporting], actions: newer });
    assert.equal(screen.title, texts[language]['tariffs.title']);
    assert.ok(screen.text.includes(texts[language]['tariffs.export']));
  }
});

test('reports have buttons', () => {
  assert.deepEqual(reports.map(labelOf), ['Report a problem', 'Report more', 'Withdraw my report']);
});
