// What each page of a Connect session looks like: a table from route name to a function that draws it.
//
// A function is given the page as Connect sent it and `go`, the ways on: `go.submit(data)`, `go.act(action)`, `go.skip()`
// (neither data nor action), `go.look()` (asks for the page again) and `go.home()`. It returns `{title, lead, content,
// actions}`, where `actions` are those of the page's advertised actions that `content` takes care of. Whatever else is
// advertised becomes a button under it, so that nothing Connect offers is ever out of reach. BACK and CLOSE belong to the
// frame around every screen.
//
// A session begins where a provider is chosen, or at a tariff that is connected. What comes later is loaded later: an
// entry is `{load, name}` then, the module and its function.

import { button, wordsOf } from './kit.js';
import { contractTerm, providerName, providerSelect, structureSelect, tariffName, tariffSelect } from './screens-choice.js';
import { has, t } from './text.js';

const entry = (load) => (name) => ({ load, name });
const address = entry(() => import('./screens-address.js'));
const advanced = entry(() => import('./screens-advanced.js'));
const rates = entry(() => import('./screens-rates.js'));
const summary = entry(() => import('./screens-summary.js'));

export const screens = {
  postal_address_capture: address('postalAddress'),
  provider_select: providerSelect,
  provider_name_capture: providerName,
  tariff_select: tariffSelect,
  tariff_structure_select: structureSelect,
  rate_fixed_capture: rates('rateFixed'),
  rate_tod_capture: rates('rateTimeOfDay'),
  rate_advanced_capture: advanced('rateAdvanced'),
  region_select: rates('regionSelect'),
  surcharge_capture: rates('surcharge'),
  tariff_name_capture: tariffName,
  contract_term_capture: contractTerm,
  tariff_summary: summary('summary'),
  tariff_connection_pending: summary('pending'),
  tariff_connection_failed: summary('failed'),
  complete_tariff: summary('complete'),
  // BUSBAR's names, of pages that hold the same; its list of tariffs is new.
  postal_address_input: address('postalAddress'),
  plan_structure: structureSelect,
  tariff_name_input: tariffName,
  tariffs_summary: summary('summary'),
  connection_failed: summary('failed'),
};

/** Any page that is not in the table: routes are opaque, and new ones appear. */
export function anyScreen(page, go) {
  const actions = (Array.isArray(page.actions) ? page.actions : []).filter((each) => typeof each === 'string');
  const ways = actions.filter((action) => action !== 'BACK' && action !== 'CLOSE');
  return {
    title: t('unknown.title'),
    lead: ways.length > 0 ? t('unknown.choose') : t('unknown.lead'),
    content: [
      ways.map((action, index) => button(labelOf(action), () => go.act(action), index === 0 ? 'primary' : 'secondary')),
      actions.includes('BACK') && button(t('back'), () => go.act('BACK')),
      button(t('close'), () => go.act('CLOSE')),
    ],
    actions: ways,
  };
}

/** The text of an action's button; an unknown action is shown by its own name. */
export const labelOf = (action) => (has(`action.${action}`) ? t(`action.${action}`) : wordsOf(action));
