// Screens of data that no one expects, and what must hold on each of them.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { speak } from './assets.mjs';
import { anyScreen, open, row, screens, text } from './drawn.mjs';
import { Screen } from './fake-elements.mjs';

test.beforeEach(() => speak('en'));

/** Values of the wrong kind, and of the right one in an absurd size. */
const absurd = [
  undefined, null, true, 0, -1, NaN, 1e308, '', ' ', 'x', 'a'.repeat(5000), '<img src=x onerror=alert(1)>', '0001-01-01T00:00:00Z', [], {},
  [null], [[]], ['x'], [{}], [{ id: 1 }], { length: 5 }, '__proto__', 'constructor',
];

const fields = [
  'postal_address', 'providers', 'provider', 'tariffs', 'tariff', 'options', 'currency_code', 'cost', 'hours', 'regions', 'region', 'surcharge',
  'contract_start_date', 'contract_end_date', 'contract_term_type', 'connection_type', 'rates',
];

const inner = {
  postal_address: ['address_line1', 'city', 'state', 'post_code', 'country_code'], provider: ['id', 'display_name', 'logo_url', 'name'],
  tariff: ['name', 'structure_type', 'contract_start_date', 'contract_end_date', 'contract_term_type', 'reconnect_required', 'market_rates', 'schedule'],
  surcharge: ['fixed', 'percentage'], rates: ['today', 'tomorrow'],
};

const innerRows = {
  providers: ['id', 'display_name', 'logo_url'], tariffs: ['id', 'name', 'description'], hours: ['cost', 'valid_from', 'valid_to'],
};

function* absurdData() {
  for (const value of absurd) {
    yield value;
    for (const field of fields) yield { [field]: value };
    for (const [field, names] of Object.entries(inner)) for (const name of names) yield { currency_code: 'EUR', [field]: { [name]: value } };
    for (const [field, names] of Object.entries(innerRows)) for (const name of names) yield { [field]: [{ id: 'x', display_name: 'x', [name]: value }] };
    for (const key of ['valid_from', 'valid_to', 'tariff']) {
      yield { currency_code: 'EUR', rates: { today: [{ valid_from: '2026-11-23T00:00:00Z', valid_to: '2026-11-23T01:00:00Z', tariff: { cost: 1 }, [key]: value }] } };
    }
    yield { currency_code: 'EUR', rates: { today: [row('2026-11-23T00:00:00Z', '2026-11-23T01:00:00Z', value, value)] } };
  }
}

/** What no customer may ever read. */
const garbage = /undefined|null|NaN|\[object|Infinity|Invalid/;

test('no data breaks a screen, and none of its garbage is shown', async () => {
  await speak('fr');
  for (const [route, draw] of Object.entries({ ...screens, any: anyScreen })) {
    for (const data of absurdData()) {
      const screen = new Screen(draw, { route, data });
      const where = () => `${route} ${JSON.stringify(data)?.slice(0, 200)}`;
      assert.equal(typeof screen.title, 'string', route);
      if (garbage.test(screen.text)) assert.fail(`${where()}: ${screen.text}`);
      for (const { attributes } of screen.root.all) {
        for (const name of ['value', 'aria-label', 'src', 'x', 'y', 'width', 'height']) {
          if (garbage.test(attributes[name] ?? '')) assert.fail(`${where()}: ${name}=${attributes[name]}`);
        }
      }
      if (screen.text.length > 12_000) assert.fail(`${where()} shows ${screen.text.length} letters`);
    }
  }
});

test('actions of any kind break no screen', () => {
  for (const actions of absurd) {
    for (const draw of [...Object.values(screens), anyScreen]) assert.ok(new Screen(draw, { route: 'x', actions, data: {} }).title);
  }
});

test('prices below zero, and ten thousand of them, are drawn', () => {
  const start = Date.parse('2026-11-23T00:00:00Z');
  const at = (index, step) => new Date(start + index * step).toISOString();
  const today = Array.from({ length: 10_000 }, (_, index) => row(at(index, 900_000), at(index + 1, 900_000), Math.sin(index) / 10));
  const screen = open('tariff_summary', { currency_code: 'EUR', tariff: {}, rates: { today } });
  const bars = screen.root.all.filter((each) => each.name === 'rect');
  assert.ok(bars.length >= 96 && bars.length <= 104, String(bars.length));
  assert.ok(bars.every((each) => Number(each.getAttribute('height')) > 0 && Number(each.getAttribute('y')) >= 0 && Number(each.getAttribute('width')) > 0));
  assert.match(screen.text, /-10/);
  assert.match(screen.text, new RegExp(text('chart.more').other.replace('{count}', '\\d+')));
});

test('no screen has an element of the page twice, or a control without a name', () => {
  const pages = [
    ['postal_address_capture', {}], ['provider_select', { providers: Array.from({ length: 9 }, (_, index) => ({ id: index + 1, display_name: `P ${index}` })) }],
    ['rate_fixed_capture', {}], ['rate_tod_capture', {}], ['surcharge_capture', {}], ['contract_term_capture', {}], ['tariff_name_capture', {}],
  ].map(([route, data]) => open(route, data));
  const schedule = open('rate_advanced_capture', { currency_code: 'EUR', tariff: {} });
  schedule.press('Add a time of day').press('Other prices on some days').press('Other prices in some months').press('Other prices on special dates');
  for (const screen of [...pages, schedule]) {
    const ids = screen.root.all.map((each) => each.id).filter(Boolean);
    assert.deepEqual(ids.filter((id, index) => ids.indexOf(id) !== index), []);
    const labelled = new Set(screen.all('label').map((each) => each.getAttribute('for')));
    for (const control of [...screen.all('input'), ...screen.all('select')]) {
      const isInLabel = control.parent.name === 'label' && control.parent.textContent !== '';
      assert.ok(labelled.has(control.id) || isInLabel, `${control.getAttribute('name')} has no label`);
      for (const id of (control.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean)) assert.ok(ids.includes(id), id);
    }
    for (const each of screen.all('button')) assert.ok(each.textContent || each.getAttribute('aria-label'), screen.text);
    for (const each of screen.root.all) assert.ok(!each.hasAttribute('style'));
  }
});
