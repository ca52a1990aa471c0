// When to charge at a home, what a charge cost, and the month.

import { chart, columns } from '/page/chart.js';
import {
  button, clockOfZone, dayIn, failureBox, h, momentAt, moneyText, nextMoment, numberText, redrawTables, spinner, unitOf,
} from '/page/kit.js';
import * as memory from '/page/memory.js';
import * as service from '/page/service.js';

/** Of the charger and of the connection, in kW. */
const power = 7;
const halfHour = 30 * 60_000;
/** How often a batch of meter records is asked for, in milliseconds. */
const batchInterval = 1000;

export class Charging {
  /** @param number distinguishes the homes on the page */
  constructor({ user, location, number }) {
    Object.assign(this, { user, location, number });
    this.notice = h('div', { class: 'notice' });
    this.spinner = spinner();
    this.sentence = h('p', { role: 'status', tabindex: -1 });
    this.plan = h('div', { class: 'plan' });
    this.charges = h('div', { class: 'costs' });
    this.inputs = {
      ready: h('input', { type: 'time', value: '05:00', required: true }),
      energy: h('input', { type: 'number', value: 5.3, min: 0.1, max: 200, step: 0.1, required: true, inputmode: 'decimal' }),
      cap: h('input', { type: 'number', min: 0, step: 0.01, inputmode: 'decimal' }),
    };
    this.unit = h('span', {}, 'price of a kWh');
    this.element = h('div', { class: 'charging' }, h('h3', {}, 'Charge your car'),
      h('form', { class: 'fields', onsubmit: (event) => { event.preventDefault(); this.makePlan(); } },
        this.field('ready', 'Ready by'), this.field('energy', 'Energy in kWh'),
        this.field('cap', ['Only below, ', this.unit, ' (optional)']),
        h('button', { type: 'submit', class: 'secondary' }, 'Plan the charge')),
      this.notice, this.spinner.element, this.sentence, this.plan, this.charges);
  }

  id(name) { return `${name}-${this.number}`; }

  field(name, label) {
    this.inputs[name].id = this.id(name);
    return h('div', { class: 'field' }, h('label', { for: this.id(name) }, label), this.inputs[name]);
  }

  async start() {
    await this.attempt(async () => {
      const { timezone: zone, currency_code: currency } = await service.place(this.user, this.location);
      Object.assign(this, { zone, currency, clock: clockOfZone(zone) });
      this.unit.textContent = `${unitOf(currency).name} per kWh`;
      await this.showCosts();
    }, () => this.start());
  }

  /** What is shown was read at other prices. */
  async refresh() {
    if (!this.zone) return;
    await this.attempt(async () => {
      if (this.planned) await this.drawPlan();
      await this.showCosts();
    }, () => this.refresh());
  }

  /** Does `work`, one at a time, and says what went wrong. */
  async attempt(work, again) {
    if (this.isBusy) return;
    this.isBusy = true;
    this.notice.replaceChildren();
    this.spinner.turn(true);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof service.Failure)) throw error;
      this.notice.replaceChildren(failureBox(error, again));
    } finally {
      this.isBusy = false;
      this.spinner.turn(false);
    }
  }

  // MARK: - The plan

  async makePlan() {
    // Each field says itself what it lacks.
    if (!this.zone || !this.element.querySelector('form').checkValidity()) return;
    await this.attempt(() => this.drawPlan(), () => this.makePlan());
  }

  async drawPlan() {
    const { ready, energy, cap } = this.inputs;
    const now = Date.now();
    const end = new Date(nextMoment(this.zone, ready.value, now));
    const wanted = Number(energy.value);
    const [answer, prices] = await Promise.all([
      service.device(this.user, this.location).then((device) => service.plan(this.user, this.location, {
        device, end, energy: wanted, power, cap: cap.value === '' ? undefined : Number(cap.value) / unitOf(this.currency).perMajor,
      })),
      service.prices(this.user, this.location, 'IMPORT', new Date(Math.floor(now / halfHour) * halfHour), end),
    ]);
    const [own] = answer.data;
    const steps = own.schedule.map((step) => ({
      from: Date.parse(step.start_time), to: Date.parse(step.end_time),
      power: step.power.value / (step.power.units === 'W' ? 1000 : 1),
    }));
    const fits = steps.reduce((sum, step) => sum + step.power * (step.to - step.from) / 3600_000, 0);
    const rates = prices.data.map((row) => ({
      from: Date.parse(row.valid_from), to: Math.min(Date.parse(row.valid_to), end.getTime()), value: row.price.value,
    })).filter((rate) => rate.from < rate.to);
    this.planned = { steps, reference: `charge-${now}` };
    this.sentence.textContent = this.sentenceOf(answer, steps, fits, wanted);
    const title = `Until ${this.clock(end)}`;
    redrawTables(this.plan, [
      chart(title, rates, this.currency, this.clock, {
        now, chosen: { periods: steps, word: 'Charging' }, end: this.clock(end),
      }),
      steps.length > 0 && button('Pretend that it has charged', () => this.charge(), 'secondary'),
    ].filter(Boolean));
  }

  sentenceOf({ cost, savings }, steps, fits, wanted) {
    if (steps.length === 0) return 'No hour until then is cheap enough.';
    const times = steps.map(({ from, to }) => `${this.clock(from)} to ${this.clock(to)}`);
    const when = `Charges from ${new Intl.ListFormat('en-GB').format(times)}`;
    const money = `for ${moneyText(cost.value, this.currency)}`;
    const saved = savings?.value > 0.005 ? `, ${moneyText(savings.value, this.currency)} less than at once` : '';
    const short = fits < wanted - 0.05 ? ` Only ${numberText(fits)} of ${numberText(wanted)} kWh fit.` : '';
    return `${when} ${money}${saved}.${short}`;
  }

  // MARK: - The meter

  /** Sends the records that a meter would count in the plan: in this demo the night is over at once. */
  async charge() {
    // Sent again after a failure, it is the same charge.
    const { steps, reference } = this.planned;
    await this.attempt(async () => {
      const device = await service.device(this.user, this.location);
      const sent = await service.submit(this.user, this.location, steps.map((step, index) => ({
        device_id: device, units: 'KW', value: step.power, start_time: new Date(step.from).toISOString(),
        end_time: new Date(step.to).toISOString(), session_reference_id: reference,
        record_reference_id: `${reference}-${index}`,
      })), reference);
      memory.rememberCharge(this.location, reference);
      let now = sent;
      while (now.records_processed < now.records_accepted) {
        await new Promise((resolve) => { setTimeout(resolve, batchInterval); });
        now = await service.batch(this.user, this.location, sent.id);
      }
      this.planned = undefined;
      this.plan.replaceChildren();
      await this.showCosts(reference);
      this.sentence.focus({ preventScroll: true });
    }, () => this.charge());
  }

  // MARK: - Costs

  /** @param done the charge that has just ended */
  async showCosts(done) {
    const references = memory.charges(this.location);
    if (references.length === 0) return;
    // Months begin and end by the calendar of the place; a night at the end of one is in the next.
    const month = dayIn(this.zone, Date.now()).slice(0, 7);
    const start = new Date(momentAt(this.zone, `${month}-01`, '00:00'));
    const end = new Date(momentAt(this.zone, dayIn(this.zone, Date.now() + 48 * 3600_000), '00:00'));
    const [charges, days, months] = await Promise.all([
      Promise.all(references.map((reference) => this.costOf(reference))),
      service.costs(this.user, this.location, 'DAY', start, end),
      service.costs(this.user, this.location, 'MONTH', start, end),
    ]);
    const known = charges.filter(Boolean);
    const last = known.find((charge) => charge.reference === done);
    if (last) this.sentence.textContent = `The charge cost ${moneyText(last.cost, this.currency)}.`;
    redrawTables(this.charges, [
      known.length > 0 && h('h4', {}, 'What charging cost'),
      known.length > 0 && h('ul', { class: 'sessions' }, known.map((charge) => h('li', {},
        h('span', { class: 'title' }, this.day(charge.from)),
        h('span', { class: 'hint' }, `${this.clock(charge.from)} to ${this.clock(charge.to)}, ${numberText(charge.energy)} kWh`),
        h('span', {}, moneyText(charge.cost, this.currency))))),
      days.data.length > 0 && this.month(days.data, months.data),
    ].filter(Boolean));
  }

  async costOf(reference) {
    try {
      const rows = await service.costOfCharge(this.user, this.location, reference);
      if (rows.length === 0) return undefined;
      return {
        reference, from: Math.min(...rows.map((row) => Date.parse(row.start_time))),
        to: Math.max(...rows.map((row) => Date.parse(row.end_time))), energy: sum(rows, 'energy') / 1000,
        cost: sum(rows, 'cost'),
      };
    } catch (error) {
      // A restart of `connect-bff dev` forgets everything.
      if (error.code === 'not_found') return undefined;
      throw error;
    }
  }

  month(days, months) {
    const total = moneyText(sum(months, 'cost'), this.currency);
    return columns('This month', days.map((row) => ({
      label: this.day(Date.parse(row.start_time)), value: row.cost.value,
      text: moneyText(row.cost.value, this.currency),
    })), { head: 'Day', unit: this.currency, spoken: `${total} for ${numberText(sum(months, 'energy') / 1000)} kWh` });
  }

  day(moment) {
    return new Intl.DateTimeFormat('en-GB', { timeZone: this.zone, day: 'numeric', month: 'short' }).format(moment);
  }
}

const sum = (rows, name) => rows.reduce((all, row) => all + row[name].value, 0);
