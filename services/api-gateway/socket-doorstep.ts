/**
 * Sockets that came without credentials, until their first message has brought some.
 *
 *   opened ──first message──▶ key verified ──▶ enters, and the service gets that message and those after it
 *              └── no key, another key, 10 s gone by ──▶ closed with 4001
 *
 * They are few (an option), cost nothing but the connection, and see nothing. What they say is kept out of the log.
 */
import type { RawData, WebSocket } from 'ws';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Timers } from '#infrastructure/core/runtime.ts';
import { type ApiKeyPrincipal, type KeyVerifier, parseToken } from './authentication.ts';

const DEADLINE_MS = 10_000;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_BUG = 1011;
const CLOSE_TRY_AGAIN = 1013;
const CLOSE_UNAUTHENTICATED = 4001;

export interface DoorstepParts {
  readonly timers: Timers;
  readonly logger: Logger;
  readonly verifier: Pick<KeyVerifier, 'verify'>;
}

export interface WaitingSocket {
  readonly socket: WebSocket;
  /** The token in a first message; `null` when it has none. */
  tokenIn(text: string): string | null;
  /** Called once, when the key is known, with every message so far. */
  enter(principal: ApiKeyPrincipal, messages: readonly string[]): void;
}

export class SocketDoorstep {
  readonly #parts: DoorstepParts;
  readonly #waiting = new Set<WebSocket>();

  constructor(parts: DoorstepParts) {
    this.#parts = parts;
  }

  get sockets(): ReadonlySet<WebSocket> {
    return this.#waiting;
  }

  wait(waiting: WaitingSocket): void {
    const { timers, logger } = this.#parts;
    const { socket } = waiting;
    const messages: string[] = [];
    const decided = new AbortController();
    const onMessage = (data: RawData, isBinary: boolean): void => {
      if (isBinary) {
        socket.close(CLOSE_UNSUPPORTED, 'text frames only');
        return;
      }
      // Those after the first wait for the verdict on it: at most what had been read when the socket was paused.
      if (messages.push(data.toString()) > 1) return;
      socket.pause();
      this.#judge(waiting, messages, leave).catch((error: unknown) => {
        const failed = error instanceof OperatingError;
        logger[failed ? 'warn' : 'error']({ error }, 'a socket could not be admitted');
        if (failed)
          socket.close(CLOSE_TRY_AGAIN, 'the key store cannot be reached; connect again in a moment');
        else socket.close(CLOSE_BUG, 'a bug on our side');
        socket.resume();
      });
    };
    const onError = (error: Error): void => logger.debug({ error }, 'a socket failed on the doorstep');
    const leave = (): void => {
      decided.abort();
      this.#waiting.delete(socket);
      socket.off('message', onMessage).off('error', onError).off('close', leave);
    };
    this.#waiting.add(socket);
    socket.on('message', onMessage).on('error', onError).on('close', leave);
    void timers.sleep(DEADLINE_MS, decided.signal).then(() => {
      if (!decided.signal.aborted)
        socket.close(CLOSE_UNAUTHENTICATED, `no credentials within ${DEADLINE_MS / 1_000} s`);
    });
  }

  async #judge(
    { socket, tokenIn, enter }: WaitingSocket,
    messages: readonly string[],
    leave: () => void,
  ): Promise<void> {
    const token = tokenIn(messages[0] ?? '');
    const given = token === null ? null : parseToken(token);
    const principal = given === null ? null : await this.#parts.verifier.verify(given);
    if (principal === null) socket.close(CLOSE_UNAUTHENTICATED, 'no valid credentials in the first message');
    else if (socket.readyState === socket.OPEN) {
      leave();
      enter(principal, messages);
    }
    socket.resume();
  }
}
