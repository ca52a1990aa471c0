import type { ConnectClient, ConnectOptions, MintRequest, Session } from './index.js';

export interface UseConnect {
  /** `connecting` while the page is open; `done` with a `session`, which changes while it is pending. */
  status: 'idle' | 'connecting' | 'done' | 'failed';
  session: Session | null;
  /** A `ConnectError`. */
  error: unknown;
  /** For a click. Resolves with the session when it changes no more, and with `null` after an error. */
  connect(request?: MintRequest): Promise<Session | null>;
  cancel(): void;
}

/**
 * Connects a tariff, and follows the session while the component is mounted. It reads a return URL at the mount. Make
 * `client` once, outside of the component: with another one at each render, what runs is aborted.
 */
export function useConnect(
  client: ConnectClient, options?: Omit<ConnectOptions, 'signal' | 'idempotencyKey'> & { resume?: boolean },
): UseConnect;
