// Where the customer lives.

import { field, form, h, needed, submitButton } from './kit.js';
import { countryLists, countryOfDevice, isCountry, statesOf } from './places.js';
import { t } from './text.js';

const longest = 200;

/** A part of an address from outside. */
const part = (value) => (typeof value === 'string' ? value.trim().slice(0, longest) : '');

export function postalAddress(page, go) {
  const address = page.data?.postal_address ?? {};
  const input = (name, autocomplete) => h('input', {
    name, value: part(address[name]), autocomplete, maxlength: longest, required: true,
  });
  const text = (label, name, autocomplete) => field(label, input(name, autocomplete), { check: needed(`${name}_missing`) });
  const country = countrySelect(part(address.country_code).toUpperCase());
  const state = h('select', { name: 'state', autocomplete: 'address-level1', required: true });
  const stateName = h('span');
  const stateField = field(stateName, state, { check: needed('state_missing') });
  const showStates = () => {
    const list = statesOf(country.value);
    state.replaceChildren(h('option', { value: '' }, t('address.choose')),
      ...list.map(({ code, name }) => h('option', { value: code, selected: code === part(address.state).toUpperCase() }, name)));
    stateName.textContent = t(country.value === 'CA' ? 'address.province' : 'address.state');
    stateField.hidden = list.length === 0;
    state.disabled = list.length === 0;
  };
  country.addEventListener('change', showStates);
  showStates();
  return {
    title: t('address.title'),
    lead: t('address.lead'),
    content: form((inputs) => {
      const given = Object.fromEntries(['address_line1', 'city', 'post_code', 'country_code']
        .map((name) => [name, inputs[name].value.trim()]));
      // An empty state is left out: whether it would be accepted is unknown.
      if (!state.disabled) given.state = state.value;
      go.submit({ postal_address: given });
    },
    field(t('address.country'), country, { check: needed('country_code_missing') }),
    text(t('address.line1'), 'address_line1', 'address-line1'),
    h('div', { class: 'pair' },
      text(t('address.post_code'), 'post_code', 'postal-code'), text(t('address.city'), 'city', 'address-level2')),
    stateField, submitButton()),
  };
}

function countrySelect(given) {
  const { likely, all } = countryLists(given);
  const chosen = isCountry(given) ? given : given === '' ? countryOfDevice() : undefined;
  const options = (list, isSelected) => list.map(({ code, name }) =>
    h('option', { value: code, selected: isSelected && code === chosen }, name));
  return h('select', { name: 'country_code', autocomplete: 'country', required: true },
    h('option', { value: '' }, t('address.choose')),
    // A country that only Flatpeak knows can be kept.
    given !== '' && !isCountry(given) && h('option', { value: given, selected: true }, given),
    h('optgroup', { label: t('address.likely') }, options(likely, true)),
    h('optgroup', { label: t('address.all') }, options(all, likely.every(({ code }) => code !== chosen))));
}
