// Day and night, and schedules by season, day and hour.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { load, speak } from './assets.mjs';

await speak('en');
const { dayAndNight, rowsOfDay } = await load('screens-rates.js');
const schedule = await load('schedule.js');
const { addGroup, addRow, addSeason, addSpecial, choose, problemsOf, readSchedule, remove, removeRow, writeSchedule } = schedule;

const row = (from, to, cost) => ({ valid_from: `${from}:00`, valid_to: `${to}:00`, cost });

// MARK: - Day and night

test('day and night are two rows, of which one may cross midnight', () => {
  assert.deepEqual(rowsOfDay('07:00', '23:00', 0.31, 0.125), [row('07:00', '23:00', 0.31), row('23:00', '07:00', 0.125)]);
});

test('a row that came back cut at midnight is one again', () => {
  const cut = [row('00:00', '07:00', 0.125), row('07:00', '23:00', 0.31), row('23:00', '00:00', 0.125)];
  const whole = { day: { cost: 0.31, from: '07:00', to: '23:00' }, night: { cost: 0.125, from: '23:00', to: '07:00' } };
  assert.deepEqual(dayAndNight(cut), whole);
  assert.deepEqual(dayAndNight([...cut].reverse()), whole);
  assert.deepEqual(dayAndNight(rowsOfDay('07:00', '23:00', 0.31, 0.125)), whole);
});

test('the day is what noon is in, also where it ends at midnight or after it', () => {
  assert.deepEqual(dayAndNight([row('00:00', '06:00', 0.1), row('06:00', '00:00', 0.3)]), {
    day: { cost: 0.3, from: '06:00', to: '00:00' }, night: { cost: 0.1, from: '00:00', to: '06:00' },
  });
  assert.deepEqual(dayAndNight([row('05:00', '00:00', 0.3), row('00:00', '00:30', 0.3), row('00:30', '05:00', 0.1)]), {
    day: { cost: 0.3, from: '05:00', to: '00:30' }, night: { cost: 0.1, from: '00:30', to: '05:00' },
  });
  // Both prices are the same, and each row is a part of its own.
  assert.equal(dayAndNight([row('00:00', '12:00', 0.3), row('12:00', '00:00', 0.3)]).night.to, '12:00');
});

test('a blank page, and rows that are none, have neither day nor night', () => {
  for (const hours of [[row('00:00', '00:00', 0)], [], undefined, null, 'x', [null, 7, {}, { valid_from: 7 }, row('25:00', '07:00', 1)]]) {
    assert.deepEqual(dayAndNight(hours), { day: undefined, night: undefined });
  }
});

// MARK: - Schedules

const rate = (fixed, changes) => ({ fixed, to_kwh: null, surcharge_fixed: 0, surcharge_percentage: 0, ...changes });
const hours = (from, to, ...rates) => ({ valid_from: `${from}:00`, valid_to: `${to}:00`, rate: rates });

/** Sets all prices, in order. */
function price(seasons, ...prices) {
  for (const season of seasons) for (const group of season.groups) for (const each of group.rows) each.rates[0].price = prices.shift();
  assert.equal(prices.length, 0);
}

test('a new schedule is one price for all year, and is sent as such', () => {
  const seasons = readSchedule([], 'EUR');
  assert.deepEqual(problemsOf(seasons), []);
  price(seasons, '29,5');
  assert.deepEqual(writeSchedule(seasons, 'EUR', false), [
    { months: ['All'], days_and_hours: [{ days: ['All'], hours: [hours('00:00', '00:00', rate(0.295))] }] },
  ]);
});

test('on market prices the surcharges are sent', () => {
  const seasons = readSchedule([], 'EUR');
  Object.assign(seasons[0].groups[0].rows[0].rates[0], { fixed: '2', percentage: '19', price: '99' });
  assert.deepEqual(writeSchedule(seasons, 'EUR', true)[0].days_and_hours[0].hours[0].rate,
    [rate(0, { surcharge_fixed: 0.02, surcharge_percentage: 19 })]);
});

test('seasons, days and hours fill the year without being asked to', () => {
  const seasons = readSchedule(undefined, 'EUR');
  addRow(seasons[0].groups[0]);
  addGroup(seasons[0]);
  addSeason(seasons);
  assert.deepEqual(problemsOf(seasons), []);
  // The winter has the times of the summer, and no prices.
  price(seasons, '30', '20', '15', '40', '30', '25');
  assert.deepEqual(writeSchedule(seasons, 'EUR', false), [
    { months: [4, 5, 6, 7, 8, 9], days_and_hours: [
      { days: ['Weekdays'], hours: [hours('00:00', '07:00', rate(0.2)), hours('07:00', '23:00', rate(0.3)), hours('23:00', '00:00', rate(0.2))] },
      { days: ['Weekend'], hours: [hours('00:00', '00:00', rate(0.15))] },
    ] },
    { months: [1, 2, 3, 10, 11, 12], days_and_hours: [
      { days: ['Weekdays'], hours: [hours('00:00', '07:00', rate(0.3)), hours('07:00', '23:00', rate(0.4)), hours('23:00', '00:00', rate(0.3))] },
      { days: ['Weekend'], hours: [hours('00:00', '00:00', rate(0.25))] },
    ] },
  ]);
});

test('what is sent is read again as the same schedule', () => {
  const seasons = readSchedule([], 'GBP');
  addRow(seasons[0].groups[0]);
  addRow(seasons[0].groups[0]).from = '12:30';
  addGroup(seasons[0]);
  addSeason(seasons);
  price(seasons, '30', '20', '25.5', '15', '40', '30', '35', '25');
  const special = addSpecial(seasons);
  Object.assign(special, { months: [12], dates: '26; 24,25' });
  special.groups[0].rows[0].rates[0].price = '10';
  const sent = writeSchedule(seasons, 'GBP', false);
  assert.deepEqual(sent[0], {
    months: [12], dates: [24, 25, 26], days_and_hours: [{ days: ['All'], hours: [hours('00:00', '00:00', rate(0.1))] }],
  });
  const again = readSchedule(sent, 'GBP');
  assert.deepEqual(problemsOf(again), []);
  assert.deepEqual(writeSchedule(again, 'GBP', false), sent);
  assert.deepEqual(again[1].groups[0].rows.map(({ from, rates }) => [from, rates[0].price]), [['07:00', '30'], ['12:30', '25.5'], ['23:00', '20']]);
});

test('a month or day belongs to one part', () => {
  const seasons = readSchedule([], 'EUR');
  const winter = addSeason(seasons);
  choose(winter, seasons, 'months', 9, true);
  assert.deepEqual(seasons.map((each) => each.months), [[4, 5, 6, 7, 8], [1, 2, 3, 9, 10, 11, 12]]);
  choose(winter, seasons, 'months', 1, false);
  assert.deepEqual(problemsOf(seasons).map(({ problem, kind, numbers }) => [problem, kind, numbers]), [['missing', 'months', [1]]]);
  remove(winter, seasons, 'months');
  assert.deepEqual(seasons.map((each) => each.months), [[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]);
});

test('special dates take no month from a season, and leave none', () => {
  const seasons = readSchedule([], 'EUR');
  const special = addSpecial(seasons);
  choose(special, [], 'months', 12, true);
  assert.deepEqual(problemsOf(seasons), []);
  remove(special, seasons, 'months');
  assert.deepEqual(problemsOf(seasons), []);
  assert.equal(seasons.length, 1);
});

test('finds every gap and overlap before anything is sent', () => {
  const found = (change) => {
    const seasons = readSchedule([], 'EUR');
    addSeason(seasons);
    addGroup(seasons[0]);
    change(seasons);
    return problemsOf(seasons).map(({ part, problem, kind, numbers }) => [part === seasons[0] || seasons[0].groups.includes(part) ? 0 : 1, problem, kind, numbers]);
  };
  assert.deepEqual(found(() => {}), []);
  assert.deepEqual(found((seasons) => { seasons[0].months = [4]; }), [[0, 'missing', 'months', [5, 6, 7, 8, 9]]]);
  assert.deepEqual(found((seasons) => { seasons[1].months.push(4); }), [[0, 'twice', 'months', [4]]]);
  assert.deepEqual(found((seasons) => { seasons[0].groups[0].days = [1, 2]; }), [[0, 'missing', 'days', [3, 4, 5]]]);
  assert.deepEqual(found((seasons) => { seasons[0].groups[1].days = [5, 6, 7]; }), [[0, 'twice', 'days', [5]]]);
  assert.deepEqual(found((seasons) => { addRow(seasons[0].groups[0]).from = '07:00'; }), [[0, 'times', 'days', []]]);
  assert.deepEqual(found(addSpecial), [[1, 'none', 'months', []]]);
  assert.deepEqual(found((seasons) => { addGroup(seasons[1]); addGroup(seasons[1]); }), [[1, 'none', 'days', []]]);
});

test('a price that is taken away leaves its hours to the one before', () => {
  const [{ groups: [group] }] = readSchedule([], 'EUR');
  addRow(group);
  assert.deepEqual(group.rows.map(({ from }) => from), ['07:00', '23:00']);
  removeRow(group.rows[0], group);
  assert.deepEqual(group.rows.map(({ from }) => from), ['00:00']);
});

test('hours without a price become a row to fill in', () => {
  const given = [{ months: ['All'], days_and_hours: [{ days: ['All'], hours: [hours('05:00', '23:30', rate(0.23))] }] }];
  const [{ groups: [{ rows }] }] = readSchedule(given, 'GBP');
  assert.deepEqual(rows.map(({ from, rates }) => [from, rates[0].price]), [['05:00', '23'], ['23:30', '']]);
});

test('tiers are kept', () => {
  const given = [{ months: ['All'], days_and_hours: [{ days: ['All'], hours: [
    hours('00:00', '00:00', rate(0.2, { to_kwh: 100 }), rate(0.3)),
  ] }] }];
  assert.deepEqual(writeSchedule(readSchedule(given, 'EUR'), 'EUR', false), given);
});

test('reads days of a month as they are typed', () => {
  assert.deepEqual(schedule.datesIn('26, 24;25 24.'), [24, 25, 26]);
  for (const text of ['', ' ', '0', '32', '24-26', '1.5.x', 'x', undefined]) assert.equal(schedule.datesIn(text), undefined, String(text));
});

test('an absurd schedule is a blank one', () => {
  for (const given of [
    null, 'x', 7, {}, [null], [{}], [{ months: [13, 0, -1, 'x', null], days_and_hours: [{}] }], [{ months: ['All'], days_and_hours: 'x' }],
    [{ months: ['All'], dates: [40], days_and_hours: [] }],
  ]) {
    const seasons = readSchedule(given, 'EUR');
    assert.deepEqual(problemsOf(seasons), [], JSON.stringify(given));
    assert.equal(seasons.length, 1);
  }
  const odd = [{ months: ['ALL '], days_and_hours: [{ days: ['weekdays', '6', 7], hours: [
    { valid_from: '7:00', valid_to: null, rate: [] }, { valid_from: '00:00:00', valid_to: '00:00:00', rate: 'x' },
    { valid_from: '08:00:00', valid_to: '10:00:00', rate: [{ fixed: NaN }, { fixed: '0.25' }] }, { valid_from: '09:00:00', valid_to: '11:00:00', rate: [{ fixed: -1 }] },
  ] }] }];
  const [{ groups: [{ days, rows }] }] = readSchedule(odd, 'EUR');
  assert.deepEqual(days, [1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(rows.map(({ from }) => from), ['00:00', '08:00', '09:00']);
  const many = Array.from({ length: 10_000 }, () => odd[0]);
  assert.ok(readSchedule(many, 'EUR').length < 100);
});
