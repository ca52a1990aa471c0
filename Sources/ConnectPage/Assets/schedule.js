// The `schedule` of a tariff (upstream.md §6.1) as a customer edits it, and back.
//
// The edited form knows no end of a time: each price begins at a time and is valid until the next one begins, the last one
// until the first of the next day. So hours cannot have gaps or overlaps. Prices are the texts that the customer types.
//
//   schedule: [season]
//   season:   {months: [1…12], dates: text, isSpecial, groups: [group]}   special: on these days of the months alone
//   group:    {days: [1…7, from Monday], rows: [row]}
//   row:      {from: '07:00', rates: [rate]}
//   rate:     {price, fixed, percentage, upTo}   upTo: end of a tier in kWh; undefined for the last one

import { finite, listOf, parseNumber, timeOf, toMajor, typedNumber, unitOf } from './format.js';

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
export const allMonths = range(1, 12);
export const allDays = range(1, 7);
const weekdays = range(1, 5);
const weekend = [6, 7];
const midnight = '00:00';

/** The most parts of one kind that are shown; a schedule from outside that has more is cut. */
const most = 48;

export const isSame = (one, other) => one.length === other.length && one.every((each, index) => each === other[index]);

// MARK: - New parts

export const blankRow = (from = midnight) => ({ from, rates: [{ price: '', fixed: '', percentage: '' }] });
const blankGroup = (days) => ({ days, rows: [blankRow()] });
const blankSeason = () => ({ months: allMonths, dates: '', isSpecial: false, groups: [blankGroup(allDays)] });

/** The same times without prices. */
const blankCopy = (group) => ({ days: group.days, rows: group.rows.map((row) => blankRow(row.from)) });

/** Adds a price that begins at another time; a price for all day becomes that of the day, beside one of the night. */
export function addRow(group) {
  if (group.rows.length === 1) group.rows[0].from = '07:00';
  const row = blankRow(group.rows.length === 1 ? '23:00' : '');
  group.rows.push(row);
  return row;
}

/** Adds prices for other days; what was for every day becomes Monday to Friday, beside a weekend. */
export function addGroup(season) {
  const isFirst = season.groups.length === 1 && isSame(season.groups[0].days, allDays);
  if (isFirst) season.groups[0].days = weekdays;
  const group = blankGroup(isFirst ? weekend : []);
  season.groups.push(group);
  return group;
}

/** Adds prices for other months; what was for all year becomes the summer half, beside a winter half. */
export function addSeason(seasons) {
  const regular = seasons.filter((each) => !each.isSpecial);
  const isFirst = regular.length === 1 && isSame(regular[0].months, allMonths);
  if (isFirst) regular[0].months = range(4, 9);
  const season = {
    ...blankSeason(), months: isFirst ? [...range(1, 3), ...range(10, 12)] : [],
    groups: (regular[0]?.groups ?? [blankGroup(allDays)]).map(blankCopy),
  };
  seasons.push(season);
  return season;
}

/** Adds prices for some days of a month, such as holidays. */
export function addSpecial(seasons) {
  const season = { ...blankSeason(), months: [], isSpecial: true };
  seasons.push(season);
  return season;
}

// MARK: - Changes

const sorted = (numbers) => [...new Set(numbers)].sort((one, other) => one - other);

/** Chooses a month or day for one part, and takes it from the others, so that none is chosen twice. */
export function choose(part, others, key, number, isChosen) {
  part[key] = isChosen ? sorted([...part[key], number]) : part[key].filter((each) => each !== number);
  if (!isChosen) return;
  for (const other of others) if (other !== part) other[key] = other[key].filter((each) => each !== number);
}

/** Takes a price away; the last one that is left is for all day. */
export function removeRow(row, group) {
  group.rows.splice(group.rows.indexOf(row), 1);
  if (group.rows.length === 1) group.rows[0].from = midnight;
}

/** Takes a part away; what it was for goes to the first part that is left. */
export function remove(part, parts, key) {
  parts.splice(parts.indexOf(part), 1);
  const heir = parts.find((each) => !each.isSpecial);
  if (heir && !part.isSpecial) heir[key] = sorted([...heir[key], ...part[key]]);
}

// MARK: - Check

/** The days of a month in a text such as `24, 25, 26`; nothing where it is no such text. */
export function datesIn(text) {
  const numbers = String(text ?? '').split(/[\s,;.]+/).filter(Boolean).map(Number);
  return numbers.length > 0 && numbers.every((each) => Number.isInteger(each) && each >= 1 && each <= 31)
    ? sorted(numbers) : undefined;
}

/**
 * What keeps a schedule from covering each hour of the year exactly once. Prices and times have checks of their own.
 *
 * @returns `{part, problem, kind, numbers}`: the season or group; `none`, `missing`, `twice` or `times`; `months` or
 *   `days`, and which of them
 */
export function problemsOf(seasons) {
  const regular = seasons.filter((each) => !each.isSpecial);
  const found = cover(regular, 'months', allMonths);
  for (const season of seasons) {
    if (season.months.length === 0) found.push({ part: season, problem: 'none', kind: 'months', numbers: [] });
    found.push(...cover(season.groups, 'days', allDays));
    for (const group of season.groups) {
      if (group.days.length === 0) found.push({ part: group, problem: 'none', kind: 'days', numbers: [] });
      const times = group.rows.map((row) => row.from);
      if (new Set(times).size < times.length) found.push({ part: group, problem: 'times', kind: 'days', numbers: [] });
    }
  }
  return found;
}

/** Problems of parts that share all months, or all days; they are shown at the first part. */
function cover([part, ...others], kind, all) {
  const chosen = [part, ...others].flatMap((each) => each[kind]);
  const missing = all.filter((number) => !chosen.includes(number));
  const twice = all.filter((number) => chosen.filter((each) => each === number).length > 1);
  return [
    missing.length > 0 && { part, problem: 'missing', kind, numbers: missing },
    twice.length > 0 && { part, problem: 'twice', kind, numbers: twice },
  ].filter(Boolean);
}

// MARK: - From Flatpeak

/** Reads a schedule; one for all year without prices where there is none that can be read. */
export function readSchedule(schedule, currency) {
  const seasons = listOf(schedule).slice(0, most).map((season) => {
    const dates = numbersIn(season.dates, 1, 31);
    return {
      months: numbersIn(season.months, 1, 12, { all: allMonths }), dates: dates.join(', '), isSpecial: dates.length > 0,
      groups: listOf(season.days_and_hours).slice(0, most).map((group) => ({
        days: numbersIn(group.days, 1, 7, { all: allDays, weekdays, weekend }), rows: readHours(group.hours, currency),
      })),
    };
  }).filter((season) => season.months.length > 0 && season.groups.length > 0);
  return seasons.some((each) => !each.isSpecial) ? seasons : [...seasons, blankSeason()];
}

function numbersIn(list, first, last, names = {}) {
  return sorted((Array.isArray(list) ? list : []).flatMap((each) => {
    const name = String(each).trim().toLowerCase();
    if (Object.hasOwn(names, name)) return names[name];
    const number = Number(name);
    return Number.isInteger(number) && number >= first && number <= last ? [number] : [];
  }));
}

function readHours(hours, currency) {
  const periods = listOf(hours).slice(0, most).flatMap((each) => {
    const [from, to] = [timeOf(each.valid_from), timeOf(each.valid_to)];
    if (!from || !to) return [];
    const rates = readRates(each.rate, currency);
    const end = to === midnight ? '24:00' : to;
    // A period may cross midnight, and one from a time to the same time is the whole day.
    return from < end ? [{ from, end, rates }]
      : [{ from, end: '24:00', rates }, { from: midnight, end, rates }].filter((part) => part.from < part.end);
  }).sort((one, other) => (one.from < other.from ? -1 : 1));
  const rows = [];
  let end = midnight;
  for (const period of periods) {
    if (period.from > end) rows.push(blankRow(end));
    const last = rows.at(-1);
    if (!last || JSON.stringify(last.rates) !== JSON.stringify(period.rates)) {
      rows.push({ from: period.from, rates: period.rates.map((rate) => ({ ...rate })) });
    }
    if (period.end > end) end = period.end;
  }
  if (end < '24:00') rows.push(blankRow(end));
  // A price that is cut at midnight is one price that goes on over it.
  if (rows.length > 1 && JSON.stringify(rows[0].rates) === JSON.stringify(rows.at(-1).rates)) rows.shift();
  if (rows.length === 1) rows[0].from = midnight;
  return rows;
}

function readRates(rates, currency) {
  const { perMajor, decimals } = unitOf(currency);
  const typed = (value, factor) => {
    const number = finite(value);
    return number ? typedNumber(number * factor, decimals) : '';
  };
  const read = listOf(rates).slice(0, most).map((rate) => ({
    price: typed(rate.fixed, perMajor), fixed: typed(rate.surcharge_fixed, perMajor),
    percentage: typed(rate.surcharge_percentage, 1), upTo: finite(rate.to_kwh),
  }));
  return read.length > 0 ? read : blankRow().rates;
}

// MARK: - To Flatpeak

/** Writes a schedule without problems; special dates come first, because the first season that applies counts. */
export function writeSchedule(seasons, currency, isMarket) {
  const named = (numbers, names) => {
    const name = Object.keys(names).find((each) => isSame(names[each], numbers));
    return name ? [name] : numbers;
  };
  return [...seasons].sort((one, other) => other.isSpecial - one.isSpecial).map((season) => ({
    months: named(season.months, { All: allMonths }),
    ...season.isSpecial && { dates: datesIn(season.dates) },
    days_and_hours: season.groups.map((group) => ({
      days: named(group.days, { All: allDays, Weekdays: weekdays, Weekend: weekend }),
      hours: writeHours(group.rows, (rate) => writeRate(rate, currency, isMarket)),
    })),
  }));
}

function writeHours(rows, write) {
  const ordered = [...rows].sort((one, other) => (one.from < other.from ? -1 : 1));
  const parts = ordered.map((row, index) => ({ from: row.from, to: ordered[index + 1]?.from ?? midnight, row }));
  // Cut at midnight, which is right whether or not a period may cross it.
  if (ordered[0].from !== midnight) parts.unshift({ from: midnight, to: ordered[0].from, row: ordered.at(-1) });
  return parts.map(({ from, to, row }) => ({
    valid_from: `${from}:00`, valid_to: `${to}:00`, rate: row.rates.map(write),
  }));
}

function writeRate({ price, fixed, percentage, upTo }, currency, isMarket) {
  const number = (text) => parseNumber(text) || 0;
  return {
    fixed: isMarket ? 0 : toMajor(number(price), currency), to_kwh: upTo ?? null,
    surcharge_fixed: isMarket ? toMajor(number(fixed), currency) : 0,
    surcharge_percentage: isMarket ? number(percentage) : 0,
  };
}

/** The times between which a row's price is valid. */
export function timesOf(row, rows) {
  const ordered = rows.map((each) => each.from).filter(Boolean).sort();
  return { from: row.from, to: ordered.find((each) => each > row.from) ?? ordered[0] };
}
