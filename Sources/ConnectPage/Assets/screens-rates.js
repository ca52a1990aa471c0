// What a kWh costs: one price, day and night, and what comes on top of the market price.

import {
  button, choice, choices, field, finite, form, h, listOf, numberCheck, numberFrom, numberInput, perKWh, rateField,
  rateFrom, rateInput, submitButton, timeOf, timeText, typedNumber,
} from './kit.js';
import { regionName } from './places.js';
import { by, titleOf } from './screens-choice.js';
import { t } from './text.js';

export function rateFixed(page, go) {
  const { currency_code: currency, cost } = page.data ?? {};
  const input = rateInput('cost', cost, currency);
  return {
    title: titleOf('fixed', page),
    lead: by(page),
    content: form(() => go.submit({ cost: rateFrom(input, currency) }),
      rateField(t('fixed.label'), input, currency, { hint: t('fixed.hint') }), submitButton()),
  };
}

// MARK: - Day and night

export function rateTimeOfDay(page, go) {
  const { currency_code: currency } = page.data ?? {};
  const { day, night } = dayAndNight(page.data?.hours);
  const dayCost = rateInput('day_cost', day?.cost, currency);
  const nightCost = rateInput('night_cost', night?.cost, currency);
  const time = (name, value) => h('input', { type: 'time', name, value, required: true });
  const from = time('valid_from', day?.from ?? '07:00');
  const to = time('valid_to', day?.to ?? '23:00');
  const nightHours = h('p', { class: 'hint', 'aria-live': 'polite' });
  const showNight = () => {
    nightHours.textContent = from.value && to.value
      ? t('tod.night_hours', { from: timeText(to.value), to: timeText(from.value) }) : '';
  };
  from.addEventListener('input', showNight);
  to.addEventListener('input', showNight);
  showNight();
  const isEqual = () => (from.value === to.value ? t('tod.equal') : undefined);
  return {
    title: titleOf('tod', page),
    lead: by(page) || t('tod.lead'),
    content: form(() => go.submit({
      hours: rowsOfDay(timeOf(from.value), timeOf(to.value), rateFrom(dayCost, currency), rateFrom(nightCost, currency)),
    }),
    h('fieldset', { class: 'part' }, h('legend', {}, t('tod.day')),
      rateField(t('tod.day_rate'), dayCost, currency, { refusals: ['cost'] }),
      h('div', { class: 'pair' },
        field(t('from'), from, { check: () => (timeOf(from.value) ? undefined : t('error.valid_from_invalid')) }),
        field(t('to'), to, {
          check: () => (timeOf(to.value) ? isEqual() : t('error.valid_to_invalid')),
          refusals: ['valid_to', 'gap_in_time', 'incomplete_time'],
        }))),
    h('fieldset', { class: 'part' }, h('legend', {}, t('tod.night')),
      rateField(t('tod.night_rate'), nightCost, currency, { refusals: [] }), nightHours),
    submitButton()),
  };
}

/** The two rows of a day as `rate_tod_capture` takes them; a row may cross midnight (upstream.md §4.4). */
export const rowsOfDay = (from, to, dayCost, nightCost) => [
  { cost: dayCost, valid_from: `${from}:00`, valid_to: `${to}:00` },
  { cost: nightCost, valid_from: `${to}:00`, valid_to: `${from}:00` },
];

/**
 * Day and night of the rows that Connect shows, of which one may have come back cut at midnight.
 *
 * @returns `{day, night}`, each `{cost, from, to}`; nothing for a blank page, which has one row from 0 to 0
 */
export function dayAndNight(hours) {
  let rows = listOf(hours).map((row) => ({
    cost: finite(row.cost), from: timeOf(row.valid_from), to: timeOf(row.valid_to),
  })).filter((row) => row.from && row.to && row.from !== row.to);
  const evening = rows.find((row) => row.to === '00:00');
  const morning = rows.find((row) => row.from === '00:00');
  if (rows.length > 2 && evening && morning && evening.cost === morning.cost) {
    rows = [...rows.filter((row) => row !== evening && row !== morning), { ...evening, to: morning.to }];
  }
  const noon = '12:00';
  const isAtNoon = ({ from, to }) => (from < to ? from <= noon && noon < to : noon >= from || noon < to);
  const day = rows.find(isAtNoon);
  return { day, night: rows.find((row) => row !== day) };
}

// MARK: - Market prices

export function regionSelect(page, go) {
  const regions = Array.isArray(page.data?.regions) ? page.data.regions : [];
  return {
    title: t('region.title'),
    lead: t('region.lead'),
    content: choices(t('region.list'), regions.filter((each) => typeof each === 'string' && each.trim() !== '')
      .map((region) => choice(() => go.submit({ region }), undefined, regionName(region)))),
  };
}

export function surcharge(page, go) {
  const { currency_code: currency, surcharge: given } = page.data ?? {};
  const { fixed, percentage, elements } = surchargeFields(given, currency);
  return {
    title: t('surcharge.title'),
    lead: t('surcharge.lead'),
    content: form(() => go.submit({
      surcharge: { fixed: rateFrom(fixed, currency), percentage: numberFrom(percentage) },
    }),
    elements, submitButton(), button(t('skip'), () => go.submit({ surcharge: { fixed: 0, percentage: 0 } }), 'quiet')),
  };
}

/**
 * The two parts that come on top of a market price.
 *
 * @returns `{fixed, percentage, elements}`, the inputs and what shows them
 */
export function surchargeFields(given, currency) {
  const optional = { required: false };
  const fixed = rateInput('surcharge_fixed', given?.fixed, currency, optional);
  const value = finite(given?.percentage);
  const percentage = numberInput('surcharge_percentage', value ? typedNumber(value) : '', optional);
  return {
    fixed,
    percentage,
    elements: [
      field(t('surcharge.fixed'), fixed, {
        optional: true, unit: perKWh(currency), hint: t('surcharge.fixed.hint'), check: numberCheck('surcharge_fixed_negative'),
      }),
      field(t('surcharge.percentage'), percentage, {
        optional: true, unit: '%', hint: t('surcharge.percentage.hint'), check: numberCheck('surcharge_percentage_invalid'),
      }),
    ],
  };
}
