/**
 * A small Phoenix Channels client (vsn 2.0.0): joins topics, takes up again after a break, with a fresh single-use
 * ticket for every connection.
 */
const HEARTBEAT_MS = 25_000;
const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export class PhoenixSocket {
  #path;
  #getTicket;
  #onState;
  #socket = null;
  #topics = new Map();
  #nextRef = 1;
  #heartbeat = null;
  #retry = null;
  #waitMs = SHORTEST_WAIT_MS;
  #closed = false;

  /** `getTicket` resolves to a ticket, or rejects; `onState` hears `wait`, `on` and `off`. */
  constructor(path, getTicket, onState) {
    this.#path = path;
    this.#getTicket = getTicket;
    this.#onState = onState;
  }

  /** `onJoined` gets the join's answer, `onEvent` (event, payload), `onRefused` the refusal. */
  join(topic, handlers) {
    this.#topics.set(topic, { ...handlers, joinRef: null });
    if (this.#socket?.readyState === WebSocket.OPEN) this.#sendJoin(topic);
  }

  async connect() {
    if (this.#closed) return;
    this.#onState('wait');
    let ticket;
    try {
      ticket = await this.#getTicket();
    } catch {
      this.#later();
      return;
    }
    if (this.#closed) return;
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(
      `${scheme}//${location.host}${this.#path}?vsn=2.0.0&ticket=${encodeURIComponent(ticket)}`,
    );
    this.#socket = socket;
    socket.onopen = () => {
      this.#waitMs = SHORTEST_WAIT_MS;
      this.#onState('on');
      for (const topic of this.#topics.keys()) this.#sendJoin(topic);
      this.#heartbeat = setInterval(() => this.#send(null, 'phoenix', 'heartbeat', {}), HEARTBEAT_MS);
    };
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    socket.onclose = () => {
      clearInterval(this.#heartbeat);
      if (!this.#closed) this.#later();
    };
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearInterval(this.#heartbeat);
    this.#socket?.close(1000);
    this.#onState('off');
  }

  #later() {
    this.#onState('wait');
    const jitter = 0.5 + Math.random() / 2;
    this.#retry = setTimeout(() => this.connect(), this.#waitMs * jitter);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  #send(joinRef, topic, event, payload) {
    const ref = String(this.#nextRef++);
    this.#socket.send(JSON.stringify([joinRef, ref, topic, event, payload]));
    return ref;
  }

  #sendJoin(topic) {
    const joinRef = String(this.#nextRef);
    this.#topics.get(topic).joinRef = joinRef;
    this.#send(joinRef, topic, 'phx_join', {});
  }

  #receive([joinRef, ref, topic, event, payload]) {
    const joined = this.#topics.get(topic);
    if (joined === undefined) return;
    if (event === 'phx_reply') {
      if (ref !== joined.joinRef) return;
      if (payload.status === 'ok') joined.onJoined?.(payload.response);
      else joined.onRefused?.(payload.response);
      return;
    }
    if (joinRef === null || joinRef === joined.joinRef) joined.onEvent?.(event, payload);
  }
}
