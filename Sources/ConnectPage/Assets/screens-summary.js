// How it ends: what is connected, what is on its way, what did not work.

import { chart } from './chart.js';
import {
  button, clockOfRows, dateText, finite, h, listOf, offsetOf, perKWh, providerLine, rateText, short,
  wordsOf,
} from './kit.js';
import { structureName } from './screens-choice.js';
import { has, t } from './text.js';

export function summary(page, go) {
  const data = page.data ?? {};
  const tariff = data.tariff ?? {};
  const isBroken = tariff.reconnect_required === true;
  const again = isBroken && wayOf(page, 'RECONNECT', 'EDIT');
  const [today, tomorrow] = [rowsOf(data.rates?.today), rowsOf(data.rates?.tomorrow)];
  const prices = new Set([...today, ...tomorrow].map((row) => row.value));
  const drawn = (title, rows) => chart(title, rows, data.currency_code, clockOfRows(rows));
  return {
    title: isBroken ? t('summary.reconnect') : t('summary.title'),
    lead: isBroken ? t('summary.reconnect.lead') : undefined,
    content: [
      providerLine(data.provider),
      h('dl', { class: 'facts' }, factsOf(data, tariff, prices).map(([name, value]) =>
        h('div', {}, h('dt', {}, t(`summary.${name}`)), h('dd', {}, value)))),
      again && button(t('summary.reconnect.action'), () => go.act(again), 'primary'),
      button(t('done'), () => go.act('CLOSE'), again ? 'secondary' : 'primary'),
      // One price for all hours is a fact, and no chart.
      prices.size > 1 && h('div', { class: 'charts' },
        drawn(t('summary.today'), today), drawn(t('summary.tomorrow'), tomorrow)),
    ],
    actions: again ? [again] : [],
  };
}

/** @param prices the different ones of today and tomorrow */
function factsOf({ currency_code: currency, connection_type: type }, tariff, prices) {
  const [price] = prices;
  return [
    ['tariff', short(tariff.name)],
    ['structure', tariff.structure_type && structureName(tariff.structure_type)],
    ['rate', prices.size === 1 && `${rateText(price, currency, 4)} ${perKWh(currency)}`],
    ['source', type && (has(`source.${type}`) ? t(`source.${type}`) : wordsOf(type))],
    ['starts', dateText(tariff.contract_start_date)],
    ['ends', dateText(tariff.contract_end_date)
      || (tariff.contract_term_type === 'UNTIL_TERMINATED' && t('summary.endless'))],
  ].filter(([, value]) => value);
}

/** The rows of a day that can be drawn, in order. */
const rowsOf = (list) => listOf(list).map((row) => ({
  from: Date.parse(row.valid_from), to: Date.parse(row.valid_to), offset: offsetOf(row.valid_from),
  value: finite(row.tariff?.cost), isForecast: finite(row.tariff?.confidence) < 1,
})).filter(({ from, to, value }) => from < to && value !== undefined).sort((one, other) => one.from - other.from);

/** The first of some actions that the page advertises. */
const wayOf = (page, ...actions) => actions.find((action) => page.actions?.includes?.(action));

export function pending(page, go) {
  return {
    title: t('pending.title'),
    lead: t('pending.lead'),
    content: [
      providerLine(page.data?.provider),
      button(t('done'), () => go.act('CLOSE'), 'primary'),
      button(t('pending.look'), () => go.look(), 'secondary'),
    ],
  };
}

export function failed(page, go) {
  const again = wayOf(page, 'EDIT', 'RECONNECT');
  return {
    title: t('failed.title'),
    lead: t('failed.lead'),
    content: [
      providerLine(page.data?.provider),
      again && button(t('retry'), () => go.act(again), 'primary'),
      button(t('close'), () => go.act('CLOSE'), again ? 'secondary' : 'primary'),
    ],
    actions: again ? [again] : [],
  };
}

/** The leftover `complete_tariff`: the end, without an address to go to. */
export function complete(_, go) {
  return {
    title: t('complete.title'), lead: t('complete.lead'), content: [button(t('done'), () => go.home(), 'primary')],
  };
}
