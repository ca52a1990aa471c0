// Prices by season, day and hour: the editor of a schedule.

import {
  button, dayMoment, field, form, h, icon, monthName, numberCheck, numberInput, perKWh, submitButton, timeOf, timeText,
  weekdayName,
} from './kit.js';
import {
  addGroup, addRow, addSeason, addSpecial, allDays, allMonths, choose, datesIn, isSame, problemsOf, readSchedule, remove,
  removeRow, timesOf, writeSchedule,
} from './schedule.js';
import { by, contractDays } from './screens-choice.js';
import { locale, t } from './text.js';

export function rateAdvanced(page, go) {
  const { currency_code: currency, tariff } = page.data ?? {};
  const { start, end, element } = contractDays(tariff);
  const market = h('input', {
    type: 'checkbox', id: 'market_rates', name: 'market_rates', checked: tariff?.market_rates === true,
  });
  const editor = new Editor(readSchedule(tariff?.schedule, currency), currency, market);
  market.addEventListener('change', () => editor.draw());
  return {
    title: t('advanced.title'),
    lead: by(page) || t('advanced.lead'),
    content: form(() => {
      if (!editor.check()) return;
      go.submit({
        tariff: {
          market_rates: market.checked, contract_start_date: dayMoment(start.value),
          contract_end_date: dayMoment(end.value), schedule: writeSchedule(editor.seasons, currency, market.checked),
        },
      });
    },
    h('div', { class: 'check' }, market, h('label', { for: 'market_rates' }, t('advanced.market'))),
    editor.element,
    h('fieldset', { class: 'part' }, h('legend', {}, t('advanced.contract')), element),
    submitButton()),
  };
}

/** Draws all seasons again whenever a part comes or goes; what is typed is in `seasons`. */
class Editor {
  constructor(seasons, currency, market) {
    Object.assign(this, { seasons, currency, market, problems: [], parts: 0 });
    this.element = h('div', { class: 'seasons' });
    this.draw();
  }

  /** @param focus the part to go to: the first control of it */
  draw(focus) {
    /** First control by part, and the boxes for its months or days. */
    this.controls = new Map();
    this.boxes = new Map();
    /** What is to be written anew when a time changes. */
    this.updates = [];
    const regular = this.seasons.filter((each) => !each.isSpecial);
    this.element.replaceChildren(
      ...this.seasons.map((season) => this.season(season, regular)),
      h('div', { class: 'adds' },
        addButton(t('advanced.add_season'), () => this.draw(addSeason(this.seasons))),
        addButton(t('advanced.add_special'), () => this.draw(addSpecial(this.seasons)))));
    this.update();
    this.controls.get(focus)?.focus();
  }

  update() { for (const each of this.updates) each(); }

  /** Shows what is missing in the schedule as a whole, at the part that it is about. */
  check() {
    this.problems = problemsOf(this.seasons);
    if (this.problems.length > 0) this.draw(this.problems[0].part);
    return this.problems.length === 0;
  }

  season(season, regular) {
    const isWholeYear = regular.length === 1 && !season.isSpecial && isSame(season.months, allMonths);
    const name = season.isSpecial ? t('advanced.special') : isWholeYear ? t('advanced.all_year')
      : t('advanced.season', { number: regular.indexOf(season) + 1 });
    return this.part(season, name, [
      !isWholeYear && this.chips(season, season.isSpecial ? [] : regular, 'months', allMonths, monthName),
      season.isSpecial && this.dates(season),
      season.groups.map((group) => this.group(season, group)),
      h('div', { class: 'adds' },
        addButton(t('advanced.add_days'), () => this.draw(addGroup(season))),
        (season.isSpecial || regular.length > 1) && removeButton(t('advanced.remove_season'), name, () => {
          remove(season, this.seasons, 'months');
          this.draw(this.seasons[0]);
        })),
    ]);
  }

  group(season, group) {
    const isEveryDay = season.groups.length === 1 && isSame(group.days, allDays);
    const name = daysText(group.days) || t('advanced.days');
    return this.part(group, name, [
      !isEveryDay && this.chips(group, season.groups, 'days', allDays, weekdayName),
      group.rows.map((row) => this.row(season, group, row)),
      h('div', { class: 'adds' },
        addButton(t('advanced.add_time'), () => this.draw(addRow(group))),
        season.groups.length > 1 && removeButton(t('advanced.remove_days'), name, () => {
          remove(group, season.groups, 'days');
          this.draw(season.groups[0]);
        })),
    ]);
  }

  /** A season or a group of days, with what is wrong with it. */
  part(part, name, content) {
    const found = this.problems.filter((each) => each.part === part);
    const id = `problem-${this.parts += 1}`;
    return h('fieldset', {
      class: part.groups ? 'part season' : 'part days', 'aria-describedby': found.length > 0 && id,
    },
    h('legend', {}, name),
    found.length > 0 && h('div', { id, class: 'problem' }, found.map((each) => h('p', {}, problemText(each)))),
    content);
  }

  dates(season) {
    const input = h('input', {
      name: 'dates', value: season.dates, type: 'text', autocomplete: 'off', required: true, maxlength: 120,
      oninput: () => { season.dates = input.value; },
    });
    return field(t('advanced.dates'), input, {
      hint: t('advanced.dates.hint'), check: () => (datesIn(input.value) ? undefined : t('advanced.dates.invalid')),
    });
  }

  /** Months or days to choose from; each belongs to one part. */
  chips(part, others, kind, all, nameOf) {
    const boxes = all.map((number, index) => h('input', {
      type: 'checkbox', checked: part[kind].includes(number),
      onchange: (event) => {
        choose(part, others, kind, number, event.currentTarget.checked);
        this.problems = [];
        this.draw();
        this.boxes.get(part)?.[index].focus();
      },
    }));
    this.boxes.set(part, boxes);
    this.controls.set(part, boxes[0]);
    return h('fieldset', { class: 'chips' }, h('legend', {}, t(`advanced.${kind}`)),
      h('div', {}, all.map((number, index) => h('label', { class: 'chip' }, boxes[index], h('span', {}, nameOf(number))))));
  }

  row(season, group, row) {
    const isAllDay = group.rows.length === 1;
    const times = h('p', { class: 'hint' });
    const time = isAllDay ? undefined : h('input', {
      type: 'time', name: 'from', value: row.from, required: true,
      oninput: () => {
        row.from = timeOf(time.value) ?? '';
        this.update();
      },
    });
    const removing = isAllDay ? undefined : h('button', {
      type: 'button', class: 'round',
      onclick: () => {
        removeRow(row, group);
        this.draw(group.rows[0]);
      },
    }, icon('remove'));
    const inputs = [];
    const element = h('div', { class: isAllDay ? 'price' : 'price timed', role: 'group' },
      time && field(t('from'), time, { check: () => (row.from ? undefined : t('error.valid_from_invalid')) }),
      row.rates.map((rate) => this.rate(rate, row.rates, inputs)),
      removing, times);
    this.updates.push(() => {
      const { from, to } = timesOf(row, group.rows);
      const text = isAllDay ? t('advanced.all_day')
        : from && to ? t('tod.night_hours', { from: timeText(from), to: timeText(to) }) : '';
      times.textContent = isAllDay ? '' : text;
      element.setAttribute('aria-label', text);
      removing?.setAttribute('aria-label', t('advanced.remove_time', { time: from ? timeText(from) : '' }));
    });
    for (const part of [row, group, season]) if (!this.controls.has(part)) this.controls.set(part, time ?? inputs[0]);
    return element;
  }

  /** @param inputs those of the row, in order */
  rate(rate, rates, inputs) {
    const input = (key, required) => {
      const made = numberInput(key, rate[key], { required, oninput: () => { rate[key] = made.value; } });
      inputs.push(made);
      return made;
    };
    const tier = rates.length === 1 ? undefined
      : rate.upTo === undefined ? t('advanced.above') : t('advanced.up_to', { kwh: rate.upTo });
    if (!this.market.checked) {
      return field(tier ?? t('advanced.price'), input('price', true), {
        unit: perKWh(this.currency), check: numberCheck('cost_value_negative'),
      });
    }
    const name = (key) => [t(key), tier].filter(Boolean).join(', ');
    return [
      field(name('surcharge.fixed'), input('fixed', false), {
        unit: perKWh(this.currency), check: numberCheck('surcharge_fixed_negative'),
      }),
      field(name('surcharge.percentage'), input('percentage', false), {
        unit: '%', check: numberCheck('surcharge_percentage_invalid'),
      }),
    ];
  }
}

const addButton = (label, onclick) => button([icon('add'), label], onclick, 'quiet');

const removeButton = (label, part, onclick) =>
  button([icon('remove'), label], onclick, 'quiet', { 'aria-label': `${label}: ${part}` });

/** The days of a week in words; empty for none. */
function daysText(days) {
  if (isSame(days, allDays)) return t('advanced.every_day');
  if (isSame(days, allDays.slice(0, 5))) return t('advanced.weekdays');
  if (isSame(days, allDays.slice(5))) return t('advanced.weekend');
  return listText(days.map((day) => weekdayName(day, 'long')));
}

const listText = (words) => new Intl.ListFormat(locale(), { type: 'conjunction' }).format(words);

function problemText({ problem, kind, numbers }) {
  const names = listText(numbers.map((number) => (kind === 'months' ? monthName(number) : weekdayName(number, 'long'))));
  return t(problem === 'none' ? `advanced.none.${kind}` : `advanced.${problem}`, { names });
}
