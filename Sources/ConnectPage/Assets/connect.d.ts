/**
 * Types of `connect.js`, the script that opens the hosted Connect page of a connect-bff service.
 *
 * @example
 * import * as connect from 'https://api.example.com/connect.js';
 *
 * const { session } = await connect.open({ launchUrl });
 *
 * @module
 */

/**
 * The state of a session. A hint for the screen: any page of the customer's browser can say it. Read
 * `GET /v1/connect/sessions/{id}` before you rely on it. Later versions of the service may know further states.
 */
export type SessionState =
  | 'created'
  | 'active'
  | 'abandoned'
  | 'pending'
  | 'connected'
  | 'failed'
  | 'disconnected'
  | 'expired'
  | (string & {});

/** How a session ended. */
export interface Result {
  /** The session's id, `cs_…`, as the mint gave it; `null` where the page was left before it said so. */
  session: string | null;
  /** The session's state at that time; `null` where the page was left before it said so. */
  status: SessionState | null;
  /**
   * The one-time code of a session that needs a confirmation. Send it with the signed-in customer's own credential to
   * `POST /v1/connect/sessions/{id}/confirm`, at once.
   */
  code?: string;
}

/** What happens in the page, for analytics and for the app's own screen. It never has anything of the customer's. */
export type ConnectEvent =
  /** The page is on the screen and speaks with the app. Again after a reload of the page. */
  | { type: 'open' }
  /** Another screen is shown, such as `provider_select`. Routes are Flatpeak's; treat an unknown one as any other. */
  | { type: 'screen'; route: string }
  /** The session is over. The last event. */
  | ({ type: 'end' } & Omit<Result, 'code'>)
  /** The customer left before the end. The last event. */
  | ({ type: 'close' } & Omit<Result, 'code'>)
  /** This document is about to leave for the page. Keep what the app needs when the customer comes back. */
  | { type: 'redirect' }
  /**
   * `not_ready`: the page did not report within 15 seconds. The dialog offers the customer a new tab.
   * `popup_blocked`: the browser refused a popup; the page opens by a redirect instead.
   */
  | { type: 'error'; code: 'not_ready' | 'popup_blocked' };

/** Options of {@link open}. */
export interface OpenOptions {
  /**
   * The `launch_url` of the mint, or a promise of it. With a promise the dialog or popup appears at the click, before
   * the mint is answered, so that the browser does not block the popup.
   */
  launchUrl: string | URL | PromiseLike<string | URL>;
  /**
   * Where the page opens. Default: `modal`.
   *
   * - `modal`: in a dialog over the app, a sheet from below on phones. In browsers without constructed style sheets
   *   (Safari before 16.4) as `redirect`.
   * - `popup`: in a window of its own. Where the browser blocks it, as `redirect`.
   * - `redirect`: in place of the app. The customer comes back to the return URL, where {@link resume} reads the result.
   */
  mode?: 'modal' | 'popup' | 'redirect';
  /** Is called with each event. What it throws is reported as an error of its own and stops nothing. */
  onEvent?: (event: ConnectEvent) => void;
  /** The accessible name of the dialog. Default: "Connect your tariff", in the customer's language. */
  title?: string;
  /** The accessible name of the dialog's close button. Default: "Close", in the customer's language. */
  closeLabel?: string;
  /** Closes the dialog or popup when the app aborts; the promise rejects with the signal's reason. The session stays. */
  signal?: AbortSignal;
}

/**
 * Opens the hosted Connect page, and resolves when the session is over or the customer has left it.
 *
 * With `redirect` this document ends; the promise resolves, with nulls, only if the customer comes back by the back
 * button to a document that the browser kept.
 *
 * @throws {TypeError} `launchUrl` is not an http(s) address, is of another origin than this script, or does not open the
 *   hosted page; or `mode` is unknown. Nothing was opened.
 * @throws {DOMException} `InvalidStateError`: a session is open in this document already. It gets the focus.
 */
export function open(options: OpenOptions): Promise<Result>;

/**
 * Reads how a session ended from the address of this document, takes it out of the address bar, and returns it; `null`
 * where the address says nothing. Call it once when the app starts, before its router reads the address.
 */
export function resume(): { session: string; status: SessionState; code?: string } | null;
