// Which provider, which tariff, how it is charged, and for how long.

import {
  button, choice, choices, dayMoment, dayOf, field, form, h, listOf, logo, nameOf, needed, short, submitButton,
  wordsOf,
} from './kit.js';
import { has, locale, t } from './text.js';

/** A title in words for what the session is about: the power one uses, the power one sells, or anything else. */
export function titleOf(key, page) {
  if (page.direction === 'EXPORT') return t(`${key}.title.export`);
  const isUse = (page.direction ?? 'IMPORT') === 'IMPORT' && (page.type ?? 'COMMODITY') === 'COMMODITY';
  return isUse ? t(`${key}.title`) : t(`${key}.title.other`);
}

/** The provider's name as a lead. */
export const by = (page) => nameOf(page.data?.provider);

const addressText = (address) =>
  ['address_line1', 'city', 'post_code'].map((name) => short(address?.[name])).filter(Boolean).join(', ');

// MARK: - Choosing from a list

/** How many things of a list are shown at first, and how many more at a time. */
const step = 30;

/** As many things can be looked through without a search. */
const fewEnough = 6;

/** A text for a search: without accents, and in one case. */
const plain = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLocaleLowerCase(locale());

/**
 * A list to choose from, of any length: with a search where it is long, and drawn in parts.
 *
 * @param items `{title, text}`, and what `draw` needs
 * @param draw makes the list item of one
 */
function chooser(name, items, draw) {
  const list = choices(name, []);
  const texts = items.map(({ title, text }) => plain(`${title} ${text ?? ''}`));
  let found = items;
  const count = h('p', { class: 'hint', role: 'status' });
  const show = () => {
    const shown = list.children.length;
    list.append(...found.slice(shown, shown + step).map(draw));
    more.hidden = list.children.length >= found.length;
    return list.children[shown];
  };
  // The focus goes on to the first that is new.
  const more = button(t('search.more'), () => show()?.querySelector('button')?.focus());
  const search = h('input', {
    type: 'search', name: 'search', autocomplete: 'off', spellcheck: 'false', enterkeyhint: 'search', maxlength: 100,
    oninput: () => {
      const wanted = plain(search.value).split(/\s+/).filter(Boolean);
      found = items.filter((_, index) => wanted.every((word) => texts[index].includes(word)));
      list.replaceChildren();
      show();
      count.textContent = wanted.length === 0 ? ''
        : found.length === 0 ? t('search.none') : t('search.count', { count: found.length });
    },
  });
  show();
  return [items.length > fewEnough && [field(t('search'), search), count], list, more];
}

export function providerSelect(page, go) {
  const providers = listOf(page.data?.providers).filter((each) => each.id && nameOf(each));
  return {
    title: titleOf('provider', page),
    lead: addressText(page.data?.postal_address),
    content: providers.length === 0 ? h('p', { class: 'hint' }, t('provider.empty'))
      : chooser(t('provider.list'), providers.map((provider) => ({ title: nameOf(provider), provider })),
        ({ title, provider }) => choice(() => go.submit({ provider: { id: provider.id } }), logo(provider), title)),
  };
}

export function tariffSelect(page, go) {
  const tariffs = listOf(page.data?.tariffs).filter((each) => each.id)
    .map(({ id, name, description }) => ({ id, title: short(name) || short(id), text: short(description, 300) }));
  return {
    title: t('tariff.title'),
    lead: by(page),
    content: tariffs.length === 0 ? h('p', { class: 'hint' }, t('tariff.empty'))
      : chooser(t('tariff.list'), tariffs,
        ({ id, title, text }) => choice(() => go.submit({ tariff: { id } }), undefined, title, text)),
  };
}

// MARK: - Kinds of tariff

/** BUSBAR's name for a kind of tariff that older versions name otherwise. */
const kindOf = (option) => (option === 'ADVANCED_TARIFF_INPUT' ? 'ADVANCED' : option);

/** The name of a kind of tariff; an unknown one is shown as it is. */
export const structureName = (kind) => (has(`structure.${kind}`) ? t(`structure.${kind}`) : wordsOf(kind));

export function structureSelect(page, go) {
  const options = Array.isArray(page.data?.options) ? page.data.options : [];
  return {
    title: titleOf('structure', page),
    lead: by(page),
    content: choices(t('structure.list'), options.filter((each) => typeof each === 'string').map((option) => {
      const kind = kindOf(option);
      return choice(() => go.submit({ options: [option] }), undefined, structureName(kind),
        has(`structure.${kind}.text`) && t(`structure.${kind}.text`));
    })),
  };
}

// MARK: - Names

function nameScreen(key, name, value, send, hint) {
  const input = h('input', {
    name, value: typeof value === 'string' ? value.trim().slice(0, 200) : '', autocomplete: 'off', maxlength: 200,
    required: true,
  });
  return form(() => send(input.value.trim()),
    field(t(`${key}.label`), input, { hint, check: needed(`${name}_missing`) }), submitButton());
}

export function providerName(page, go) {
  return {
    title: t('provider_name.title'),
    lead: t('provider_name.lead'),
    content: nameScreen('provider_name', 'provider_name', page.data?.provider?.name,
      (name) => go.submit({ provider: { name } })),
  };
}

export function tariffName(page, go) {
  return {
    title: t('tariff_name.title'),
    lead: by(page),
    content: nameScreen('tariff_name', 'tariff_name', page.data?.tariff?.name,
      (name) => go.submit({ tariff: { name } }), t('tariff_name.hint')),
  };
}

// MARK: - Contract

/**
 * The first and the last day of a contract.
 *
 * @returns `{start, end, element}`, the inputs and what shows them
 */
export function contractDays(given) {
  const day = (name) => h('input', { type: 'date', name, value: dayOf(given?.[name]), max: '2199-12-31' });
  const start = day('contract_start_date');
  const end = day('contract_end_date');
  const isBroken = (input) => (input.validity?.badInput ? t('error.date_format_invalid') : undefined);
  const isBackwards = () => (start.value && end.value && end.value <= start.value ? t('dates.order') : undefined);
  return {
    start,
    end,
    element: h('div', { class: 'pair dates' },
      field(t('starts'), start, { optional: true, check: isBroken, refusals: ['contract_start', 'date_format'] }),
      field(t('ends'), end, { optional: true, check: (input) => isBroken(input) ?? isBackwards() })),
  };
}

export function contractTerm(page, go) {
  const { start, end, element } = contractDays(page.data);
  // The date of year 1 is how version ZERO says the same.
  const isEndless = page.data?.contract_term_type === 'UNTIL_TERMINATED'
    || String(page.data?.contract_end_date ?? '').startsWith('0001-');
  const endless = h('input', { type: 'checkbox', id: 'endless', checked: isEndless });
  const showEnd = () => {
    end.disabled = endless.checked;
    if (endless.checked) end.value = '';
  };
  endless.addEventListener('change', showEnd);
  showEnd();
  return {
    title: t('term.title'),
    lead: t('term.lead'),
    content: form(() => {
      const data = { contract_start_date: dayMoment(start.value), contract_end_date: dayMoment(end.value) };
      if (endless.checked) data.contract_term_type = 'UNTIL_TERMINATED';
      go.submit(data);
    },
    element, h('div', { class: 'check' }, endless, h('label', { for: 'endless' }, t('term.endless'))),
    submitButton(), button(t('skip'), () => go.skip(), 'quiet')),
  };
}
