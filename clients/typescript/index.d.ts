import type {
  AmountRequest, AmountSchedule, Device, DeviceList, DeviceRequest, Direction, EnergyCosts, Location, LocationEvent,
  LocationList, LocationStatus, MeterBatch, MeterReadings, MeterRecord, MintRequest, MintedSession, PriceSegment, Prices,
  RecordCost, Schedule, Session, TariffList, TariffType, Aggregation,
} from './models.js';

export * from './models.js';

export interface ClientOptions {
  /** Where the service is: `https://api.example.com`. */
  baseURL: string | URL;
  /**
   * The signed-in user's bearer, asked for at each request, and once more after a 401, with the one that was refused.
   * Without it, the cookies of this origin are sent.
   */
  getToken?: (refused?: string) => string | PromiseLike<string>;
  /** Opens launch URLs. Needed where there is no document, as in React Native and Node. See {@link Present}. */
  present?: Present;
  /** Default: the global one. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/**
 * Opens a launch URL, once. Resolves with the return URL that the customer came back to, or `null` where they closed the
 * page.
 */
export type Present = (launchURL: string, options: RequestOptions) => PromiseLike<string | null | undefined>;

export interface RequestOptions {
  signal?: AbortSignal;
}

export interface WriteOptions extends RequestOptions {
  /** Default: a new one for each call, which its retries keep. Give one to repeat a call of before. */
  idempotencyKey?: string;
}

/** Options of {@link ConnectClient.connect}. Those below `present` are of `connect.js`, and described there. */
export interface ConnectOptions extends WriteOptions {
  present?: Present;
  mode?: 'modal' | 'popup' | 'redirect';
  onEvent?: (event: { type: string; [field: string]: unknown }) => void;
  title?: string;
  closeLabel?: string;
}

export interface TimeWindow {
  start_time?: string;
  end_time: string;
  direction?: Direction;
}

export interface ScheduleWindow extends TimeWindow {
  start_time: string;
  segment: PriceSegment;
}

/** A client of the service for one user. Each method rejects with a {@link ConnectError}, or with what `signal` aborts with. */
export class ConnectClient {
  constructor(options: ClientOptions);

  /**
   * Connects a tariff: mints, opens the page, confirms, and resolves with the session as it stands when the customer has
   * left the page. While it runs, a call with an equal request joins it; another request is an attempt of its own. It
   * ends when the last caller's `signal` has aborted.
   */
  connect(request?: MintRequest, options?: ConnectOptions): Promise<Session>;
  /**
   * The session that the customer came back from, by `url`, a deep link, or by the address of this document, which is
   * cleaned; `null` where it names none of the user's. Call it when the app starts, before its router reads the address.
   */
  resume(options?: { url?: string } & RequestOptions): Promise<Session | null>;
  /** Loads the page's script, so that a popup opens in the click. */
  preload(): Promise<void>;

  mint(request?: MintRequest, options?: WriteOptions): Promise<MintedSession>;
  session(id: string, options?: RequestOptions): Promise<Session>;
  confirm(id: string, code: string, options?: RequestOptions): Promise<Session>;
  /**
   * The session, and again at each change, until it is final. It waits out restarts and dead spots. With an aborted
   * `signal` it throws the signal's reason.
   */
  followSession(id: string, options?: RequestOptions): AsyncGenerator<Session, void, undefined>;

  locations(options?: RequestOptions): Promise<LocationList>;
  location(id: string, options?: RequestOptions): Promise<Location>;
  forgetLocation(id: string, options?: RequestOptions): Promise<void>;
  /** Events of a location, without an end; an aborted `signal` throws its reason. Not in React Native. */
  followLocation(id: string, options?: RequestOptions): AsyncGenerator<LocationEvent, void, undefined>;
  locationStatus(id: string, options?: RequestOptions): Promise<LocationStatus>;
  tariffs(
    location: string,
    query?: { direction?: Direction; type?: TariffType; starting_after?: string; ending_before?: string; limit?: number },
    options?: RequestOptions,
  ): Promise<TariffList>;
  prices(location: string, query: TimeWindow, options?: RequestOptions): Promise<Prices>;

  /** The cheapest (`LOW`) or dearest minutes. */
  scheduleByDuration(
    location: string, query: ScheduleWindow & { duration: number }, options?: RequestOptions,
  ): Promise<Schedule>;
  /** All that is below (`LOW`) or above a price: `relative` to the highest, or `absolute`. */
  scheduleByLimit(
    location: string, query: ScheduleWindow & { relative?: number; absolute?: number }, options?: RequestOptions,
  ): Promise<Schedule>;
  /** The cheapest plan for so much energy. */
  scheduleByAmount(location: string, request: AmountRequest, options?: RequestOptions): Promise<AmountSchedule>;
  costs(
    location: string, query: TimeWindow & { start_time: string; aggregation?: Aggregation; device_id?: string },
    options?: RequestOptions,
  ): Promise<EnergyCosts>;
  sessionCosts(
    location: string, ref: string, query?: { direction?: Direction }, options?: RequestOptions,
  ): Promise<EnergyCosts>;
  simulateCost(location: string, record: MeterRecord, options?: RequestOptions): Promise<RecordCost>;
  /** This and the writes below: where the operator lets users. */
  putMeterIntervals(location: string, records: MeterRecord[], options?: WriteOptions): Promise<MeterBatch>;
  putMeterReadings(location: string, readings: MeterReadings, options?: WriteOptions): Promise<MeterBatch>;
  meterBatch(location: string, batch: string, options?: RequestOptions): Promise<MeterBatch>;
  devices(location: string, options?: RequestOptions): Promise<DeviceList>;
  createDevice(location: string, request?: DeviceRequest, options?: WriteOptions): Promise<Device>;
  deleteDevice(location: string, device: string, options?: RequestOptions): Promise<void>;
}

/**
 * The service's codes, whose meaning is in openapi.yaml, and two of this library: there was no answer, or it was no
 * answer of the service. Later releases may have other codes.
 */
export type ErrorCode =
  | 'network_error' | 'invalid_answer'
  | 'api_version_not_supported' | 'body_too_large' | 'confirmation_code_expired' | 'confirmation_code_unknown'
  | 'confirmation_code_used' | 'confirmation_required' | 'content_type_unsupported' | 'field_invalid'
  | 'field_unknown' | 'header_malformed' | 'idempotency_in_progress' | 'idempotency_key_reused'
  | 'identity_unavailable' | 'internal_error' | 'json_malformed' | 'method_not_allowed' | 'no_price_data'
  | 'no_tariff_connected' | 'not_found' | 'origin_not_allowed' | 'overloaded' | 'pending_connect'
  | 'postal_address_required' | 'rate_limited' | 'session_foreign' | 'store_unavailable' | 'unauthenticated'
  | 'upstream_blocked' | 'upstream_credentials_refused' | 'upstream_failed' | 'upstream_invalid_answer' | 'upstream_limited'
  | 'upstream_mode_differs' | 'upstream_refused' | 'upstream_timeout' | 'upstream_unavailable' | 'upstream_unreachable'
  | 'write_outcome_unknown' | 'writes_not_allowed'
  | (string & {});

export class ConnectError extends Error {
  constructor(code: string, facts?: {
    status?: number; requestId?: string | null; retryAfter?: number | null; detail?: string; cause?: unknown;
  });
  readonly code: ErrorCode;
  /** Of HTTP; 0 where there was no answer. */
  readonly status: number;
  /** Names the request in the service's log. Show it. */
  readonly requestId: string | null;
  /** Seconds after which another try makes sense. */
  readonly retryAfter: number | null;
}
