// The rates of a day as bars, with a table of the same.
import { h, perKWh, rateText } from '/page/kit.js';

const slot = 30 * 60_000;
const width = 480;
const height = 120;
const names = 'http://www.w3.org/2000/svg';

/**
 * @param rates rows of one day in order: `{from, to, value}` with moments in milliseconds and major units
 * @param clock says the local time of a moment
 */
export function chart(title, rates, currency, clock, now = Date.now()) {
  if (rates.length === 0) {
    return h('figure', { class: 'chart' }, h('figcaption', {}, h('strong', {}, title)),
      h('p', { class: 'hint' }, 'These rates are not known yet.'));
  }
  const start = rates[0].from;
  const end = rates.at(-1).to;
  const values = rates.map((rate) => rate.value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = least === most
    ? rateText(least, currency)
    : `${rateText(least, currency)} – ${rateText(most, currency)}`;
  const spoken = `${title}: ${range} ${perKWh(currency)}`;
  return h('figure', { class: 'chart' },
    h('figcaption', {}, h('strong', {}, title), h('span', {}, `${range} ${perKWh(currency)}`)),
    bars(rates, start, end, spoken, currency, clock, now),
    h('div', { class: 'axis', 'aria-hidden': 'true' },
      [0, 0.25, 0.5, 0.75].map((part) => h('span', {}, clock(start + (end - start) * part))),
      h('span', {}, '24:00')),
    table(title, rates, currency, clock));
}

function bars(rates, start, end, spoken, currency, clock, now) {
  const svg = element('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' });
  svg.setAttribute('aria-label', spoken);
  // Some room above, so that a day of one price is a day of bars and no wall.
  const top = 1.15 * Math.max(0, ...rates.map((rate) => rate.value));
  const bottom = Math.min(0, ...rates.map((rate) => rate.value));
  const y = (value) => height * (top - value) / ((top - bottom) || 1);
  const count = Math.max(1, Math.round((end - start) / slot));
  const step = width / count;
  for (const line of [top, (top + bottom) / 2]) {
    svg.append(element('line', { x1: 0, x2: width, y1: y(line), y2: y(line), class: 'grid' }));
  }
  for (let index = 0; index < count; index += 1) {
    const moment = start + index * slot;
    const rate = rates.find((each) => each.from <= moment && moment < each.to);
    if (!rate) continue;
    const isNow = moment <= now && now < moment + slot;
    const bar = element('rect', {
      x: index * step + step * 0.15, width: step * 0.7, rx: 1.5,
      y: y(Math.max(rate.value, 0)), height: Math.max(1.5, Math.abs(y(rate.value) - y(0))),
      class: isNow ? 'now' : 'bar',
    });
    const tip = element('title', {});
    tip.textContent = `${clock(moment)} ${rateText(rate.value, currency)} ${perKWh(currency)}${isNow ? ' (now)' : ''}`;
    bar.append(tip);
    svg.append(bar);
  }
  return svg;
}

function table(title, rates, currency, clock) {
  const rows = [];
  for (const rate of rates) {
    const last = rows.at(-1);
    if (last && last.value === rate.value && last.to === rate.from) last.to = rate.to;
    else rows.push({ ...rate });
  }
  return h('details', {},
    h('summary', { 'aria-label': `${title} as a table` }, 'As a table'),
    h('table', {},
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'From'), h('th', { scope: 'col' }, 'To'),
        h('th', { scope: 'col' }, perKWh(currency)))),
      h('tbody', {}, rows.map((row) => h('tr', {}, h('td', {}, clock(row.from)), h('td', {}, clock(row.to)),
        h('td', {}, rateText(row.value, currency)))))));
}

function element(name, attributes) {
  const made = document.createElementNS(names, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
