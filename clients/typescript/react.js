import { useCallback, useEffect, useRef, useState } from 'react';

const idle = { status: 'idle', session: null, error: null };

export function useConnect(client, { resume = true, ...options } = {}) {
  const [state, setState] = useState(idle);
  // What runs: its controller, and while the page is open its promise.
  const current = useRef({});
  // The options of the last render, without a new function for each.
  const latest = useRef(options);
  latest.current = options;

  const run = useCallback((begin, request) => {
    current.current.controller?.abort();
    const me = { controller: new AbortController(), request };
    const { signal } = me.controller;
    const show = (next) => { if (!signal.aborted) setState({ ...idle, ...next }); };
    const follow = async () => {
      try {
        let session = await begin(signal, show, me);
        me.opening = undefined;
        if (!session) return null;
        show({ status: 'done', session });
        if (['active', 'pending'].includes(session.state)) {
          for await (session of client.followSession(session.id, { signal })) show({ status: 'done', session });
        }
        return session;
      } catch (error) {
        me.opening = undefined;
        show({ status: 'failed', error });
        return null;
      }
    };
    current.current = me;
    return me.opening = follow();
  }, [client]);

  const cancel = useCallback(() => {
    current.current.controller?.abort();
    current.current = {};
    setState(idle);
  }, []);

  useEffect(() => {
    if (resume) run((signal) => client.resume({ signal }));
    return () => current.current.controller?.abort();
  }, [client, resume, run]);

  const connect = useCallback((request = {}) => {
    const text = JSON.stringify(request);
    // A double tap is one attempt; another request takes its place.
    if (current.current.request === text && current.current.opening) return current.current.opening;
    return run((signal, show, me) => {
      show({ status: 'connecting' });
      const onEvent = (event) => {
        // If the document stays all the same, the next tap starts again.
        if (event.type === 'redirect') me.opening = undefined;
        latest.current.onEvent?.(event);
      };
      return client.connect(request, { ...latest.current, onEvent, signal });
    }, text);
  }, [client, run]);
  return { ...state, connect, cancel };
}
