// Countries, and the states that the address of a country needs.

import { locale, t } from './text.js';

/** ISO 3166-1 alpha-2, without uninhabited places, and Kosovo. */
const countries = `
AD AE AF AG AI AL AM AO AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BW BY BZ CA CC CD CF CG
CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH
GI GL GM GN GP GQ GR GT GU GW GY HK HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY
KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG
NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM
SN SO SR SS ST SV SX SY SZ TC TD TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG US UY UZ VA VC VE VG VI VN VU WF WS XK YE
YT ZA ZM ZW`.trim().split(/\s+/);

/** Countries where Connect is known to be in use, after those that the device hints at. */
const common = ['GB', 'DE', 'FR', 'NL', 'US', 'AU'];

const zones = {
  'Europe/Amsterdam': 'NL', 'Europe/Athens': 'GR', 'Europe/Berlin': 'DE', 'Europe/Brussels': 'BE',
  'Europe/Copenhagen': 'DK', 'Europe/Dublin': 'IE', 'Europe/Helsinki': 'FI', 'Europe/Lisbon': 'PT',
  'Europe/London': 'GB', 'Europe/Luxembourg': 'LU', 'Europe/Madrid': 'ES', 'Europe/Oslo': 'NO', 'Europe/Paris': 'FR',
  'Europe/Prague': 'CZ', 'Europe/Rome': 'IT', 'Europe/Stockholm': 'SE', 'Europe/Vienna': 'AT', 'Europe/Warsaw': 'PL',
  'Europe/Zurich': 'CH', 'Pacific/Auckland': 'NZ',
};

/** The country of the device's clock, where that is certain. */
export const countryOfDevice = (zone = new Intl.DateTimeFormat().resolvedOptions().timeZone) =>
  (Object.hasOwn(zones, zone) ? zones[zone] : zone?.startsWith('Australia/') ? 'AU' : undefined);

/**
 * All countries by name, in the order of the customer's language.
 *
 * @param given a country that is not to be missing, such as that of a known address
 * @returns `{likely, all}`, lists of `{code, name}`
 */
export function countryLists(given) {
  const names = new Intl.DisplayNames(locale(), { type: 'region', fallback: 'code' });
  const item = (code) => ({ code, name: names.of(code) });
  const likely = [...new Set([given, countryOfDevice(), new Intl.Locale(locale()).region, ...common])]
    .filter((code) => countries.includes(code)).slice(0, 7);
  const { compare } = new Intl.Collator(locale());
  const all = countries.map(item).sort((one, other) => compare(one.name, other.name));
  return { likely: likely.map(item), all };
}

export const isCountry = (code) => countries.includes(code);

/** States by country, `code name` each; the reference web app asks for them in these three alone (upstream.md §4.4). */
const states = {
  AU: 'ACT Australian Capital Territory|NSW New South Wales|NT Northern Territory|QLD Queensland|SA South Australia|'
    + 'TAS Tasmania|VIC Victoria|WA Western Australia',
  CA: 'AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|NL Newfoundland and Labrador|NS Nova Scotia|'
    + 'NT Northwest Territories|NU Nunavut|ON Ontario|PE Prince Edward Island|QC Québec|SK Saskatchewan|YT Yukon',
  US: 'AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|'
    + 'DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|'
    + 'KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|'
    + 'MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|'
    + 'NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|PR Puerto Rico|RI Rhode Island|'
    + 'SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|'
    + 'WV West Virginia|WI Wisconsin|WY Wyoming',
};

/** The states of a country as `{code, name}`; none where an address needs no state. */
export const statesOf = (country) => (Object.hasOwn(states, country) ? states[country].split('|') : []).map((text) => {
  const [code] = text.split(' ', 1);
  return { code, name: text.slice(code.length + 1) };
});

/** The name of a market region; an unknown one is shown as it is. */
export function regionName(region) {
  if (region === 'CORS' || region === 'FR') return t(`region.${region}`);
  return statesOf('AU').find((state) => state.code === region)?.name ?? String(region);
}
