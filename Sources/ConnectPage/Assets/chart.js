// The prices of a day as bars, with a table of the same.

import { h, hourText, perKWh, rateText, timeText } from './kit.js';
import { t } from './text.js';

const width = 480;
const height = 156;
/** Where the bars end; the times are below. */
const ground = 124;
const minute = 60_000;
const hour = 60 * minute;

/** A day has 25 hours at most; whatever is longer is not drawn. */
const longest = 26 * hour;

/** The most rows of a table: a day of quarter hours. */
const mostRows = 100;

/**
 * @param rates rows of one day in order: `{from, to, value, isForecast}` with moments in milliseconds and major units
 * @param clock gives the local time of a moment, as 07:00
 */
export function chart(title, rates, currency, clock, now = Date.now()) {
  const shown = withoutOverlaps(rates);
  if (shown.length === 0) {
    return h('figure', { class: 'chart' }, h('figcaption', {}, h('strong', {}, title)),
      h('p', { class: 'hint' }, t('chart.none')));
  }
  const values = shown.map((rate) => rate.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const text = (value) => rateText(value, currency);
  const range = text(least) === text(most) ? text(least) : `${text(least)} – ${text(most)}`;
  const summary = `${range} ${perKWh(currency)}`;
  const current = shown.find((rate) => isIn(rate, now));
  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('strong', {}, title), h('span', {}, summary),
      current && least < most && h('span', { class: 'current' },
        t('chart.now', { rate: `${text(current.value)} ${perKWh(currency)}` }))),
    bars(shown, least, most, `${title}: ${summary}`, clock, now),
    shown.some((rate) => rate.isForecast) && h('p', { class: 'hint' }, t('chart.forecast.hint')),
    table(title, shown, currency, clock));
}

const isIn = (rate, moment) => rate.from <= moment && moment < rate.to;

function withoutOverlaps(rates) {
  const shown = [];
  for (const rate of rates) {
    const from = Math.max(rate.from, shown.at(-1)?.to ?? -Infinity);
    const end = (shown[0]?.from ?? from) + longest;
    if (Number.isFinite(rate.value) && from < Math.min(rate.to, end)) {
      shown.push({ ...rate, from, to: Math.min(rate.to, end) });
    }
  }
  return shown;
}

// MARK: - Bars

function bars(rates, least, most, label, clock, now) {
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label });
  const [start, end] = [rates[0].from, rates.at(-1).to];
  const x = (moment) => width * (moment - start) / (end - start);
  // Some room above, so that a day of one price is a day of bars and no wall.
  const top = 1.15 * Math.max(0, most);
  const bottom = 1.15 * Math.min(0, least);
  const y = (value) => 4 + (ground - 4) * (top - value) / ((top - bottom) || 1);
  for (const line of [top, (top + bottom) / 2, 0]) {
    svg.append(element('line', { x1: 0, x2: width, y1: y(line), y2: y(line), class: line === 0 ? 'zero' : 'grid' }));
  }
  for (const bar of barsOf(rates, start, end)) {
    const space = Math.min(3, (x(bar.to) - x(bar.from)) * 0.2);
    const kind = isIn(bar, now) ? 'now' : bar.isForecast ? 'bar forecast' : 'bar';
    svg.append(element('rect', {
      x: x(bar.from) + space / 2, width: Math.max(1, x(bar.to) - x(bar.from) - space), rx: 1.5,
      y: y(Math.max(bar.value, 0)), height: Math.max(1.5, Math.abs(y(bar.value) - y(0))), class: kind,
    }));
    // Also a mark below, for customers who do not see the difference of the colours.
    if (kind === 'now') {
      const middle = x((bar.from + bar.to) / 2);
      svg.append(element('path', { d: `M${middle - 6} ${ground + 9}l6-7 6 7z`, class: kind }));
    }
  }
  svg.append(...axis(start, end, clock, x));
  return svg;
}

/** A bar for each hour, or for each of the shorter periods that the rates have. */
function barsOf(rates, start, end) {
  const edges = rates.flatMap((rate) => [rate.from, rate.to]);
  const step = [60, 30, 15].map((minutes) => minutes * minute)
    .find((each) => edges.every((edge) => (edge - start) % each === 0));
  if (!step) return rates;
  const all = [];
  for (let moment = start, index = 0; moment < end; moment += step) {
    while (rates[index].to <= moment) index += 1;
    if (isIn(rates[index], moment)) all.push({ ...rates[index], from: moment, to: moment + step });
  }
  return all;
}

/** The hours 0, 6, 12, 18 and 24, wherever they are on a day on which the clock changes. */
function axis(start, end, clock, x) {
  const marks = [];
  for (let moment = Math.ceil(start / hour) * hour; moment < end; moment += hour) {
    if (/^(00|06|12|18):00$/.test(clock(moment)) && clock(moment) !== marks.at(-1)?.time) {
      marks.push({ time: clock(moment), at: x(moment) });
    }
  }
  if (clock(end) === '00:00') marks.push({ time: '00:00', at: width });
  return marks.map(({ time, at }) => {
    const anchor = at < 20 ? 'start' : at > width - 20 ? 'end' : 'middle';
    const label = element('text', { x: at, y: height - 6, 'text-anchor': anchor });
    label.textContent = hourText(time);
    return label;
  });
}

function element(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// MARK: - Table

function table(title, rates, currency, clock) {
  const rows = [];
  for (const rate of rates) {
    const last = rows.at(-1);
    if (last?.value === rate.value && last.to === rate.from && last.isForecast === rate.isForecast) last.to = rate.to;
    else rows.push({ ...rate });
  }
  const heading = (text) => h('th', { scope: 'col' }, text);
  return h('details', {},
    h('summary', { 'aria-label': t('chart.table.name', { title }) }, t('chart.table')),
    h('table', {},
      h('thead', {}, h('tr', {}, heading(t('from')), heading(t('to')), heading(perKWh(currency)))),
      h('tbody', {}, rows.slice(0, mostRows).map((row) => h('tr', {},
        h('td', {}, timeText(clock(row.from))), h('td', {}, timeText(clock(row.to))),
        h('td', {}, rateText(row.value, currency, 3), row.isForecast && ` (${t('chart.forecast')})`))))),
    rows.length > mostRows && h('p', { class: 'hint' }, t('chart.more', { count: rows.length - mostRows })));
}
