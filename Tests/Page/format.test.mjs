// Numbers, money, days and times of the page.  node --test Tests/Page/

import assert from 'node:assert/strict';
import test from 'node:test';

import { languages, load, speak } from './assets.mjs';

const format = await load('format.js');
const kit = await load('kit.js');
const space = (text) => text.replace(/\s/g, ' ');

test('reads numbers with comma or point in every language', async () => {
  const numbers = {
    '23.45': 23.45, '23,45': 23.45, '0,2345': 0.2345, ',5': 0.5, '.5': 0.5, '5.': 5, '5,': 5, ' 7 ': 7, 0: 0, '007': 7,
    '1.234,5': 1234.5, '1,234.5': 1234.5, '1 234,5': 1234.5, '1\u00a0234,5': 1234.5, '1\u202f234,5': 1234.5, '1’234.5': 1234.5,
    "1'234.5": 1234.5, '1.234.567': 1234567, '1,234,567': 1234567, '1.234.567,8': 1234567.8, '-3,5': -3.5, '−3,5': -3.5,
    '２３．４５': 23.45,
  };
  for (const language of languages) {
    await speak(language);
    for (const [text, number] of Object.entries(numbers)) assert.equal(format.parseNumber(text), number, `${language} ${text}`);
  }
});

test('takes no text for a number that is none', () => {
  for (const text of [
    '', ' ', '.', ',', '-', '1.2.3', '1,2,3', '1.2,3.4', '1,23.456,7', '12 p', '1e5', 'Infinity', 'NaN', '0x10', '1-2', '--1', '5%',
    '1.234,567,8', undefined, null, {},
  ]) assert.ok(Number.isNaN(format.parseNumber(text)), String(text));
});

test('what a field shows is what it reads, in every language', async () => {
  for (const language of languages) {
    for (const region of [[], ['de-CH', 'fr-CH', 'en-IN'], ['fr-CA', 'nl-BE', 'de-AT']]) {
      await speak(language, ...region);
      for (const number of [0.0001, 0.5, 23.45, 1234.5, 999999.9999, -3.25]) {
        assert.equal(format.parseNumber(format.typedNumber(number)), number, `${language} ${region} ${format.typedNumber(number)}`);
      }
    }
  }
});

// MARK: - Money

test('rates are in minor units, which have names of their own in each language', async () => {
  const names = { en: ['p', 'c'], de: ['p', 'ct'], fr: ['p', 'c€'], nl: ['p', 'ct'] };
  for (const [language, [pence, cents]] of Object.entries(names)) {
    await speak(language);
    assert.equal(format.perKWh('GBP'), `${pence}/kWh`);
    assert.equal(format.perKWh('EUR'), `${cents}/kWh`);
    assert.equal(format.perKWh('USD'), '¢/kWh');
    assert.deepEqual(format.unitOf('EUR'), { name: cents, perMajor: 100, decimals: 4 });
  }
});

test('currencies without a minor unit that customers use stay in major units, with all their decimals', async () => {
  await speak('en');
  assert.deepEqual(format.unitOf('JPY'), { name: '¥', perMajor: 1, decimals: 4 });
  assert.deepEqual(format.unitOf('KWD'), { name: 'KWD', perMajor: 1, decimals: 7 });
  assert.equal(format.perKWh('jpy '), '¥/kWh');
  assert.equal(format.rateText(31.5, 'JPY'), '31.5');
  assert.equal(format.rateText(0.0021555, 'KWD'), '0.0021555');
});

test('shows rates as the locale writes them', async () => {
  await speak('en');
  assert.equal(format.rateText(0.234567, 'GBP'), '23.46');
  assert.equal(format.rateText(0.234567, 'GBP', 4), '23.4567');
  await speak('de');
  assert.equal(format.rateText(12.345678, 'EUR'), '1.234,57');
  assert.equal(format.rateText(-0.05, 'EUR'), '-5');
  await speak('fr');
  assert.equal(space(format.rateText(12.345678, 'EUR')), '1 234,57');
});

test('a rate reaches Flatpeak in major units, with as many decimals as it takes', () => {
  for (const [shown, currency, major] of [
    [23.45, 'GBP', 0.2345], [23.4567, 'EUR', 0.234567], [0.1 + 0.2, 'EUR', 0.003], [31.5, 'JPY', 31.5], [0.0021555, 'KWD', 0.0021555],
    [29, 'EUR', 0.29], [12.3, '', 12.3],
  ]) assert.equal(format.toMajor(shown, currency), major, `${shown} ${currency}`);
});

test('a currency that is none breaks nothing', async () => {
  await speak('en');
  for (const currency of ['', ' ', 'EURO', '€', undefined, null, 7, {}, '<b>']) {
    assert.equal(format.perKWh(currency), 'per kWh', String(currency));
    assert.equal(format.rateText(0.25, currency), '0.25');
  }
  for (const rate of [NaN, Infinity, undefined, null, '', 'x', {}, []]) assert.equal(format.rateText(rate, 'EUR'), '–', String(rate));
});

// MARK: - Days and times

test('a contract’s day is the same in every zone', () => {
  for (const text of ['2026-12-31T00:00:00Z', '2026-12-31T00:00:00+01:00', '2026-12-31T00:00:00.000-05:00', '2026-12-31', ' 2026-12-31T00:00:00Z ']) {
    assert.equal(format.dayOf(text), '2026-12-31', text);
  }
  // The reference web app in Berlin: local midnight, in UTC.
  const local = new Date(2026, 11, 31).toISOString();
  assert.equal(format.dayOf(local), '2026-12-31');
  assert.equal(format.dayMoment('2026-12-31'), '2026-12-31T00:00:00Z');
  assert.equal(format.dayMoment(''), null);
});

test('Go’s zero date and what is no date are no day', () => {
  for (const text of [
    '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z', '', null, undefined, 'soon', '2026', '31.12.2026', '2026-13-01T00:00:00Z',
    '2026-12-31T99:00:00Z', 20261231, {},
  ]) {
    assert.equal(format.dayOf(text), '', String(text));
    assert.equal(format.dateText(text), '', String(text));
  }
});

test('writes days and times as the locale does', async () => {
  await speak('en', 'en-GB');
  assert.equal(format.dateText('2026-12-31T00:00:00Z'), '31 Dec 2026');
  assert.equal(format.timeText('07:05'), '07:05');
  await speak('en', 'en-US');
  assert.equal(format.dateText('2026-12-31T00:00:00Z'), 'Dec 31, 2026');
  assert.equal(space(format.timeText('19:05')), '7:05 PM');
  await speak('de');
  assert.equal(format.dateText('2026-12-31T00:00:00Z'), '31.12.2026');
  assert.equal(format.monthName(1), 'Jan');
  assert.equal(format.weekdayName(1, 'long'), 'Montag');
  assert.equal(format.weekdayName(7, 'long'), 'Sonntag');
});

test('reads times of day', () => {
  for (const [text, time] of [['7:00', '07:00'], ['07:00:00', '07:00'], ['24:00', '00:00'], ['24:00:00', '00:00'], [' 23:59:59.5 ', '23:59']]) {
    assert.equal(format.timeOf(text), time, text);
  }
  for (const text of ['', '7', '7:5', '25:00', '07:60', 'noon', null, undefined, 700]) assert.equal(format.timeOf(text), undefined, String(text));
});

test('a day’s clock follows the offsets of its rows when the clock changes', () => {
  const rows = ['2026-03-29T00:00:00+01:00', '2026-03-29T03:00:00+02:00']
    .map((text) => ({ from: Date.parse(text), offset: format.offsetOf(text) }));
  const clock = format.clockOfRows(rows);
  assert.equal(clock(Date.parse('2026-03-29T00:30:00+01:00')), '00:30');
  assert.equal(clock(Date.parse('2026-03-29T03:30:00+02:00')), '03:30');
  assert.equal(format.offsetOf('2026-11-23T00:00:00-0330'), -210);
  assert.equal(format.offsetOf('2026-11-23T00:00:00Z'), 0);
  assert.equal(format.clockOfRows([])(0), '00:00');
});

// MARK: - What comes from outside

test('shortens texts from outside without breaking a letter', () => {
  assert.equal(format.short('  Octopus  '), 'Octopus');
  assert.equal(Array.from(format.short('🔌'.repeat(5000))).length, 161);
  assert.equal(format.short('a'.repeat(5000), 10), `${'a'.repeat(10)}…`);
  for (const odd of [undefined, null, 7, {}, []]) assert.equal(format.short(odd), '');
  assert.equal(format.wordsOf('GREEN_BONUS_X'), 'Green bonus x');
  assert.deepEqual(format.listOf([{ a: 1 }, null, 3, 'x']), [{ a: 1 }]);
  for (const odd of [undefined, null, {}, 'list', 5]) assert.deepEqual(format.listOf(odd), []);
});

test('finds a logo’s digest whatever its host, and nothing else', () => {
  const digest = '0123456789abcdef';
  for (const url of [`https://s.flatpeak.com/${digest}.png`, `http://127.0.0.1:7071/a/b/${digest}.png?x=1`, `https://evil.example/${digest}.png#y`]) {
    assert.equal(kit.logoDigest(url), digest, url);
  }
  for (const url of [
    '', null, undefined, 7, `https://s.flatpeak.com/${digest}.svg`, `https://s.flatpeak.com/${digest}`, 'https://s.flatpeak.com/abc.png',
    `https://s.flatpeak.com/${'a'.repeat(129)}.png`, `https://s.flatpeak.com/${digest.toUpperCase()}.png`, `/${digest}.png`,
    `https://s.flatpeak.com/..%2f${digest}.png`, `https://s.flatpeak.com/x${digest}.png`,
  ]) assert.equal(kit.logoDigest(url), undefined, String(url));
});

test('makes initials of a name in any script', () => {
  for (const [name, letters] of [
    ['British Gas', 'BG'], ['e.on', 'EO'], ['Énergie', 'É'], ['Loch & Lantern Power', 'LL'], ['50Hertz', '5'], ['東京電力', '東'], ['', ''], ['—', ''],
  ]) assert.equal(kit.initialsOf(name), letters, name);
});
