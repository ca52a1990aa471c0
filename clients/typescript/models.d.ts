// The models of openapi.yaml, by their names there. Tests/Clients/contract.py holds each field against it.
// Identifiers are opaque. Times are RFC 3339. Values of enumerations may be added: treat an unknown one as any other.

/** JSON of Flatpeak's, as it came. */
export type JSONObject = Record<string, unknown>;

/** `LOCAL` is what is generated and used at the location. */
export type Direction = 'IMPORT' | 'EXPORT' | 'LOCAL' | (string & {});
export type TariffType = 'COMMODITY' | 'NON_COMMODITY' | (string & {});
export type EnergyFlow = 'INBOUND' | 'OUTBOUND' | (string & {});
/** Cheap or dear. */
export type PriceSegment = 'LOW' | 'HIGH' | (string & {});
export type Aggregation = 'DAY' | 'MONTH' | (string & {});
/** What the user has to do at the location: connect with this `location_id` and `action: 'edit'`. */
export type ActionRequired = 'reconnect' | 'upgrade' | 'renew' | (string & {});
/** `abandoned` and `pending` may still change, `pending` for two days. */
export type SessionState =
  'created' | 'active' | 'abandoned' | 'pending' | 'connected' | 'failed' | 'disconnected' | 'expired' | (string & {});

export interface PostalAddress {
  address_line1?: string;
  address_line2?: string;
  city?: string;
  state?: string;
  post_code?: string;
  /** ISO 3166-1 alpha-2. */
  country_code?: string;
}

export interface MintOptions {
  advanced_tariff_capture?: boolean;
  tariff_name_capture?: boolean;
  contract_term_capture?: boolean;
  /** The page runs in a WebView of the app, and posts a message at the end. */
  shell?: boolean;
}

/** What is known of the tariff beforehand. `{}` lets the customer give everything. */
export interface MintRequest {
  /** Default: `IMPORT`. */
  direction?: Direction;
  /** Default: `COMMODITY`. */
  type?: TariffType;
  /** One of the user's own locations, to show, change or add a tariff there. */
  location_id?: string;
  tariff_id?: string;
  /** With `location_id`: what to do there at once. */
  action?: 'edit' | 'disconnect';
  postal_address?: PostalAddress;
  postal_address_type?: 'RESIDENTIAL' | 'COMMERCIAL';
  /** Where the customer goes after the session; on the service's list, byte for byte. */
  return_url?: string;
  /** The frontend of the session. `connect()` always opens `page`, the service's own page. */
  app?: string;
  language?: 'en' | 'de' | 'fr' | 'nl';
  options?: MintOptions;
  /** For backends. */
  confirm?: boolean;
}

export interface MintedSession {
  id: string;
  state: 'created';
  /** A secret; absent for the service's own page. */
  connect_token?: string;
  /** A secret: whoever opens it first has the session. */
  launch_url: string;
  expires_at: string;
  live_mode: boolean;
}

export interface Session {
  id: string;
  state: SessionState;
  /** `false` until the code from the end of the session is redeemed, which `connect()` does. Absent where none is needed. */
  confirmed?: boolean;
  /** Why a session failed. */
  reason?: 'foreign_tab' | (string & {});
  location_id?: string;
  price_available?: boolean;
  direction: Direction;
  type: TariffType;
  created_at: string;
  expires_at: string;
  ended_at?: string;
  live_mode: boolean;
}

export interface LocationList {
  data: LocationItem[];
}

export interface LocationItem {
  id: string;
  action_required?: ActionRequired;
  /** A change of the tariff waits for its confirmation. */
  confirmation_required?: boolean;
}

export interface Location {
  id: string;
  live_mode?: boolean;
  /** IANA. */
  timezone?: string;
  /** ISO 4217. */
  currency_code?: string;
  flex_allowed?: boolean;
  postal_address?: LocationAddress;
  geo_location?: GeoLocation;
  tariff_status?: TariffStatuses;
  action_required?: ActionRequired;
}

export interface LocationAddress {
  address_line1?: string;
  address_line2?: string;
  city?: string;
  state?: string;
  post_code?: string;
  country_code?: string;
}

export interface GeoLocation {
  lat?: number;
  lng?: number;
}

/** `CONNECTED`, `NOT_CONNECTED`, `ERROR` or `NOT_SUPPORTED`. */
export interface TariffStatuses {
  commodity_import?: string;
  commodity_export?: string;
  non_commodity_import?: string;
  non_commodity_export?: string;
  local?: string;
}

export interface LocationEvent {
  /** `location.updated`: prices may have changed. `tariff.action_required`: see `action_required`. */
  event: 'location.updated' | 'tariff.action_required' | (string & {});
  location_id: string;
  action_required?: ActionRequired;
  at: string;
}

export interface LocationStatus {
  id?: string;
  live_mode?: boolean;
  time_created?: string;
  action_required?: ActionRequired;
  /** By place: `commodity_import` and so on. */
  tariff_status: Record<string, PlaceStatus>;
}

export interface PlaceStatus {
  /** As in `TariffStatuses`; cut blanks off. */
  status: string;
  connection_type?: string;
  provider?: JSONObject;
  tariff?: JSONObject;
}

export interface TariffList {
  url?: string;
  has_more?: boolean;
  data: Tariff[];
}

export interface Tariff {
  id?: string;
  location_id?: string;
  live_mode?: boolean;
  is_linked?: boolean;
  connection_type?: string;
  direction?: string;
  type?: string;
  status?: string;
  timezone?: string;
  display_name?: string;
  provider_id?: string;
  market_rates?: boolean;
  contract_start_date?: string | null;
  contract_end_date?: string | null;
  schedule?: JSONObject[];
  time_created?: string;
}

export interface Prices {
  id?: string;
  live_mode?: boolean;
  location_id?: string;
  location_timezone?: string;
  currency_code?: string;
  tariff_direction?: string;
  last_updated?: string;
  next_update?: string;
  request?: JSONObject;
  data: Price[];
  time_created?: string;
}

export interface Price {
  valid_from?: string;
  valid_to?: string;
  price?: PriceValue;
}

export interface PriceValue {
  /** For each kWh, in the currency's major unit. */
  value?: number;
  /** 1 for a price that is known. */
  confidence?: number;
}

export interface Schedule {
  location_id: string;
  location_timezone?: string;
  currency_code?: string;
  tariff_direction: string;
  next_update?: string;
  /** Minutes in all. */
  duration?: number;
  data: SchedulePeriod[];
}

export interface SchedulePeriod {
  start_time: string;
  end_time: string;
  price?: AveragePrice;
}

export interface AveragePrice {
  /** For each kWh, in the currency's major unit. */
  average?: number;
  confidence?: number;
}

export interface Power {
  units: 'W' | 'KW';
  value: number;
}

export interface Energy {
  units: 'WH' | 'KWH';
  value: number;
}

export interface AmountRequest {
  location_id?: string;
  /** The limit of the whole location. */
  max_power: Power;
  shaving_threshold?: ShavingThreshold;
  data: DeviceAmount[];
}

/** The price above which nothing is bought; one of the two. */
export interface ShavingThreshold {
  relative?: number;
  absolute?: number;
}

export interface DeviceAmount {
  device_id: string;
  tariff_direction?: Direction;
  start_time?: string;
  end_time: string;
  max_power?: Power;
  energy: Energy;
}

export interface AmountSchedule {
  location_id: string;
  location_timezone?: string;
  currency_code?: string;
  next_update?: string;
  max_power?: JSONObject;
  shaving_threshold?: JSONObject;
  cost?: Cost;
  savings?: Savings;
  data: DeviceSchedule[];
  time_created?: string;
}

export interface DeviceSchedule {
  device_id: string;
  tariff_direction?: string;
  start_time?: string;
  end_time?: string;
  max_power?: JSONObject;
  energy?: JSONObject;
  cost?: Cost;
  savings?: Savings;
  schedule: PowerPeriod[];
}

export interface PowerPeriod {
  start_time: string;
  end_time: string;
  power?: JSONObject;
}

export interface Cost {
  /** In the currency's major unit. */
  value?: number;
  confidence?: number;
}

export interface Savings {
  value?: number;
  percentage?: number;
}

export interface EnergyCosts {
  location_id: string;
  device_id?: string;
  location_timezone?: string;
  currency_code?: string;
  tariff_direction: string;
  energy_units?: string;
  data: CostedEnergy[];
}

export interface CostedEnergy {
  start_time: string;
  end_time: string;
  energy?: EnergyValue;
  session_reference_id?: string;
  record_reference_id?: string;
  cost?: Cost;
}

export interface EnergyValue {
  /** In `energy_units`. */
  value?: number;
}

export interface RecordCost {
  energy_flow_direction?: string;
  tariff_direction?: string;
  currency_code?: string;
  energy_units?: string;
  data: CostedEnergy;
}

export interface MeterRecord {
  location_id?: string;
  device_id?: string;
  /** Power is constant over the period. */
  units: 'W' | 'KW' | 'WH' | 'KWH';
  value: number;
  start_time: string;
  end_time: string;
  energy_flow_direction?: 'INBOUND' | 'OUTBOUND';
  tariff_direction?: Direction;
  session_reference_id?: string;
  record_reference_id?: string;
  confidence?: number;
}

export interface MeterReadings {
  location_id?: string;
  device_id?: string;
  session_reference_id?: string;
  energy_flow_direction?: EnergyFlow;
  tariff_direction?: Direction;
  units: 'WH' | 'KWH';
  data: MeterReading[];
}

export interface MeterReading {
  /** Seconds since 1970. */
  time: number;
  value: number;
  record_reference_id?: string;
}

export interface MeterBatch {
  id: string;
  records_submitted?: number;
  records_accepted?: number;
  records_processed?: number;
  failed_records: FailedRecord[];
  time_created?: string;
}

export interface FailedRecord {
  /** From 0. */
  record_num?: number;
  record_reference_id?: string;
  error?: string;
}

export interface DeviceList {
  data: Device[];
}

export interface Device {
  id: string;
  reference_id?: string;
  type?: string;
  time_created: string;
}

export interface DeviceRequest {
  /** Your own name for it, 1 to 64 of `[A-Za-z0-9_-]`. */
  reference_id?: string;
  type?: 'EV_CHARGER' | 'ELECTRIC_VEHICLE' | 'BATTERY_SYSTEM' | 'PV_SYSTEM' | 'OTHER';
  manufacturer?: string;
  model_code?: string;
  model_name?: string;
  pv_system?: PVSystem;
}

export interface PVSystem {
  rated_power_kw: number;
  install_date?: string;
  azimuth?: number;
  tilt?: number;
  terrain_shading?: boolean;
  forecasts?: PVForecasts;
}

export interface PVForecasts {
  enabled?: boolean;
}
