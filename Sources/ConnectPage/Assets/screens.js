// What each page of a Connect session looks like: a table from route name to a function that draws it.
//
// A function is given the page as Connect sent it and `go`, the ways on: `go.submit(data)`, `go.act(action)`, `go.skip()`
// (neither data nor action), `go.look()` (asks for the page again) and `go.home()`. It returns `{title, lead, content,
// actions}`, where `actions` are those of the page's advertised actions that `content` takes care of. Whatever else is
// advertised becomes a button under it, so that nothing Connect offers is ever out of reach. BACK and CLOSE belong to the
// frame around every screen.

import { button, wordsOf } from './kit.js';
import { postalAddress } from './screens-address.js';
import { rateAdvanced } from './screens-advanced.js';
import { contractTerm, providerName, providerSelect, structureSelect, tariffName, tariffSelect } from './screens-choice.js';
import { rateFixed, rateTimeOfDay, regionSelect, surcharge } from './screens-rates.js';
import { complete, failed, fault, pending, summary } from './screens-summary.js';
import { has, t } from './text.js';

export const screens = {
  postal_address_capture: postalAddress,
  provider_select: providerSelect,
  provider_name_capture: providerName,
  tariff_select: tariffSelect,
  tariff_structure_select: structureSelect,
  rate_fixed_capture: rateFixed,
  rate_tod_capture: rateTimeOfDay,
  rate_advanced_capture: rateAdvanced,
  region_select: regionSelect,
  surcharge_capture: surcharge,
  tariff_name_capture: tariffName,
  contract_term_capture: contractTerm,
  tariff_summary: summary,
  tariff_connection_pending: pending,
  tariff_connection_failed: failed,
  complete_tariff: complete,
  error: fault,
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
