// The demo app once a tariff is connected: when to charge, what it cost, what changes.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { loadDemo } from './assets.mjs';
import './fake-elements.mjs';

const kit = await loadDemo('kit.js');
const { chart, columns } = await loadDemo('chart.js');
const { Charging } = await loadDemo('charging.js');
const service = await loadDemo('service.js');

const hour = 3600_000;
const start = Date.parse('2026-11-28T19:00:00Z');
const iso = (moment) => new Date(moment).toISOString();
const clock = kit.clockOfZone('Europe/London');
const rows = (figure) => figure.querySelectorAll('tr').map((row) => row.children.map((cell) => cell.textContent));

test('finds the moment at which the clocks of a place show a time, also on days of 23 and 25 hours', () => {
  for (const [zone, day, time, moment] of [
    ['Europe/London', '2026-11-28', '19:00', '2026-11-28T19:00'], ['Europe/Berlin', '2026-03-29', '05:00', '2026-03-29T03:00'],
    ['Europe/Berlin', '2026-03-29', '01:00', '2026-03-29T00:00'], ['Europe/Berlin', '2026-10-25', '05:00', '2026-10-25T04:00'],
    ['Australia/Sydney', '2026-01-05', '05:00', '2026-01-04T18:00'], ['America/New_York', '2026-11-01', '05:00', '2026-11-01T10:00'],
  ]) assert.equal(iso(kit.momentAt(zone, day, time)), `${moment}:00.000Z`, `${zone} ${day} ${time}`);
  assert.equal(iso(kit.nextMoment('Europe/London', '05:00', start)), '2026-11-29T05:00:00.000Z');
  assert.equal(iso(kit.nextMoment('Europe/London', '23:00', start)), '2026-11-28T23:00:00.000Z');
  assert.equal(iso(kit.nextMoment('Europe/London', '19:00', start)), '2026-11-29T19:00:00.000Z');
});

test('marks the periods of a plan in the bars and in the table, cut where they begin and end', () => {
  const rates = [
    { from: start, to: start + 2 * hour, value: 0.31 }, { from: start + 2 * hour, to: start + 6 * hour, value: 0.12 },
  ];
  const periods = [{ from: start + 2 * hour, to: start + 3 * hour + 15 * 60_000 }];
  const figure = chart('Until 01:00', rates, 'GBP', clock, { now: start, chosen: { periods, word: 'Charging' }, end: '01:00' });
  assert.equal(figure.querySelectorAll('rect').length, 12);
  assert.equal(figure.querySelectorAll('rect').filter((each) => each.getAttribute('class') === 'chosen').length, 3);
  assert.deepEqual(rows(figure), [
    ['From', 'To', 'Charging', 'p per kWh'], ['19:00', '21:00', '', '31'], ['21:00', '22:15', 'yes', '12'],
    ['22:15', '01:00', '', '12'],
  ]);
});

test('shows a day without a plan as before: one row for each price', () => {
  const rates = [0, 1, 2].map((index) => ({ from: start + index * hour, to: start + (index + 1) * hour, value: index < 2 ? 0.2 : 0.3 }));
  assert.deepEqual(rows(chart('Today', rates, 'GBP', clock, { now: start })), [
    ['From', 'To', 'p per kWh'], ['19:00', '21:00', '20'], ['21:00', '22:00', '30'],
  ]);
});

test('shows the days of a month as bars and as a table', () => {
  const figure = columns('This month', [
    { label: '1 Nov', value: 1.2, text: '£1.20' }, { label: '2 Nov', value: -0.4, text: '-£0.40' },
  ], { head: 'Day', unit: 'GBP', spoken: '£0.80' });
  assert.equal(figure.querySelectorAll('rect').length, 2);
  assert.deepEqual(rows(figure), [['Day', 'GBP'], ['1 Nov', '£1.20'], ['2 Nov', '-£0.40']]);
});

/** A service that answers like ours; `sent` has the calls. */
function answer(answers) {
  const sent = [];
  globalThis.fetch = async (path, { method, body, headers }) => {
    sent.push({ call: `${method} ${path.replace('/v1/locations/loc_1', '').replace(/\?.*/, '')}`, body: body && JSON.parse(body), headers });
    const found = answers(method, path);
    return { ok: found.status === undefined, headers: new Headers(), json: async () => found };
  };
  return sent;
}

const session = { start_time: iso(start + 4 * hour), end_time: iso(start + 5 * hour), energy: { value: 5300 }, cost: { value: 0.636 } };

function ours(method, path) {
  const [, rest] = path.split('/v1/locations/loc_1');
  if (rest === '/devices') return method === 'GET' ? { data: [{ id: 'dev_1', reference_id: 'charger-1' }] } : { id: 'dev_2' };
  if (rest === '/schedules/amount') {
    const step = { start_time: session.start_time, end_time: session.end_time, power: { units: 'KW', value: 5.3 } };
    return { cost: { value: 0.636 }, savings: { value: 1.007 }, data: [{ schedule: [step] }] };
  }
  if (rest.startsWith('/prices')) {
    return { data: [{ valid_from: iso(start), valid_to: iso(start + 10 * hour), price: { value: 0.12 } }] };
  }
  if (rest === '/meters/interval') return { id: 'bat_1', records_accepted: 1, records_processed: 1 };
  if (rest.startsWith('/costs')) return { data: [session] };
  return { timezone: 'Europe/London', currency_code: 'GBP' };
}

function memory() {
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
}

async function opened(t, answers = ours) {
  memory();
  t.mock.timers.enable({ apis: ['Date'], now: start });
  const sent = answer(answers);
  const charging = new Charging({ user: 'amira', location: 'loc_1', number: 1 });
  await charging.start();
  return { charging, sent };
}

test('plans a charge by a time and below a price, in the units of the place', async (t) => {
  const { charging, sent } = await opened(t);
  assert.deepEqual(sent.map(({ call }) => call), ['GET '], 'nothing was charged, so nothing cost anything');
  charging.inputs.cap.value = '20';
  await charging.makePlan();
  const { body } = sent.find(({ call }) => call === 'POST /schedules/amount');
  assert.deepEqual(body.shaving_threshold, { absolute: 0.2 });
  assert.equal(body.data[0].end_time, '2026-11-29T05:00:00.000Z');
  assert.equal(body.data[0].device_id, 'dev_1');
  assert.deepEqual(body.data[0].energy, { units: 'KWH', value: 5.3 });
  assert.equal(charging.sentence.textContent, 'Charges from 23:00 to 00:00 for £0.64, £1.01 less than at once.');
});

test('says what does not fit, and that no hour is cheap enough', async (t) => {
  const { charging } = await opened(t);
  charging.inputs.energy.value = '12';
  await charging.makePlan();
  assert.match(charging.sentence.textContent, /Only 5\.3 of 12 kWh fit\.$/);
  answer((method, path) => (path.endsWith('/amount') ? { cost: { value: 0 }, data: [{ schedule: [] }] } : ours(method, path)));
  await charging.makePlan();
  assert.equal(charging.sentence.textContent, 'No hour until then is cheap enough.');
  assert.equal(charging.plan.querySelectorAll('button').length, 0);
});

test('sends the records of a charge once, and shows what it and the month cost', async (t) => {
  const { charging, sent } = await opened(t);
  await charging.makePlan();
  let failures = 1;
  const again = answer((method, path) => {
    failures -= path.endsWith('/meters/interval');
    return failures < 0 || !path.endsWith('/meters/interval') ? ours(method, path) : { status: 503, title: 'Store unavailable' };
  });
  await charging.charge();
  assert.match(charging.notice.textContent, /Store unavailable/);
  charging.notice.querySelector('button').click();
  await new Promise((resolve) => { setImmediate(resolve); });
  const puts = [...sent, ...again].filter(({ call }) => call === 'PUT /meters/interval');
  assert.equal(puts.length, 2);
  assert.equal(new Set(puts.map(({ headers }) => headers['Idempotency-Key'])).size, 1);
  assert.deepEqual(puts[0].body, puts[1].body);
  assert.equal(puts[0].body[0].value, 5.3);
  assert.equal(charging.sentence.textContent, 'The charge cost £0.64.');
  assert.match(charging.charges.textContent, /28 Nov.*23:00 to 00:00, 5\.3 kWh.*£0\.64/);
  assert.deepEqual(rows(charging.charges).at(-1), ['28 Nov', '£0.64']);
});

test('reads the plan and the costs again when prices change, and keeps an open table open', async (t) => {
  const { charging, sent } = await opened(t);
  await charging.makePlan();
  charging.plan.querySelector('details').open = true;
  const before = sent.length;
  await charging.refresh();
  assert.deepEqual(sent.slice(before).map(({ call }) => call).sort(), ['GET /devices', 'GET /prices', 'POST /schedules/amount']);
  assert.equal(charging.plan.querySelector('details').open, true);
});

test('follows a location, and says when it follows it again what was seen', async () => {
  const seen = {};
  const asked = [];
  const names = [];
  const once = async (...chunks) => {
    const stop = new AbortController();
    globalThis.fetch = async (path, { headers }) => {
      asked.push([path, headers['Last-Event-ID']]);
      stop.abort();
      return { ok: true, status: 200, body: new Blob(chunks).stream() };
    };
    await service.follow('amira', 'loc_1', (name) => names.push(name), stop.signal, seen);
  };
  await once('retry: 2000\n\nid: 0\n\n', ':\n\n');
  await once('id: 5\nevent: location.upd', 'ated\ndata: {}\n\nid: 5.reconnect.6\nevent: tariff.action_required\ndata: {}\n\n');
  await once(':\n\n');
  assert.deepEqual(asked.map(([, last]) => last), [undefined, '0', '5.reconnect.6']);
  assert.equal(asked[0][0], '/v1/locations/loc_1/events');
  assert.deepEqual(names, ['location.updated', 'tariff.action_required']);
});
