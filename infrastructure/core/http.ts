/**
 * HTTP as services see it: routes with schemas and handlers that know no framework.
 *
 * The api-gateway mounts routes, validates against the schemas, authenticates, limits, and turns a result into
 * a response. A handler returns every expected outcome as a value; it throws only operating errors and bugs.
 */
import type { TSchema } from 'typebox';

/** Who calls: an API key bound to one trading account, or the owner of the data folder over the local socket. */
export type Principal =
  | { readonly kind: 'api-key'; readonly keyId: string; readonly accountId: string }
  | { readonly kind: 'operator' };

export interface HttpRequest<Params = unknown, Query = unknown, Body = unknown> {
  /** Path and query, as sent. */
  readonly target: string;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** `null` only on routes with access `public`. */
  readonly principal: Principal | null;
  readonly requestId: string;
  /** W3C traceparent, when the caller sent one. */
  readonly traceparent: string | undefined;
  /** Whether the caller has hung up, so that nobody would read the answer. */
  readonly isAbandoned: () => boolean;
}

export type HttpResult =
  | {
      readonly kind: 'json';
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'text';
      readonly status: number;
      readonly contentType: string;
      readonly body: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'problem';
      readonly problem: Problem;
      readonly headers?: Readonly<Record<string, string>>;
    };

export interface FieldError {
  /** A dotted path into the body, or the name of a parameter or header. */
  readonly field: string;
  /** The rule's short name, such as `required`, `pattern`, `maximum`. */
  readonly rule: string;
  readonly message: string;
}

/** RFC 9457. `code` is stable and documented; `detail` is for people. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  /** Further members, such as `orderId` on an append whose outcome is unknown. */
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** A route as others know it: all but what answers. A gateway in another process mounts it and passes requests on. */
export interface RouteDeclaration {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'PATCH' | 'PUT';
  /** Fastify style: `/v1/orders/:orderId`. Operator routes start with `/operator/` and exist on the local socket only. */
  readonly path: string;
  readonly access: 'public' | 'api-key' | 'operator';
  readonly summary: string;
  readonly tag: string;
  readonly schema: {
    readonly params?: TSchema;
    readonly querystring?: TSchema;
    readonly headers?: TSchema;
    readonly body?: TSchema;
    /** By status; problems are added by the gateway. */
    readonly response: Readonly<Record<number, TSchema>>;
  };
  /** Statuses of problems this route can answer, for the OpenAPI document. */
  readonly problems: readonly number[];
}

/** The routes of a part by name, so that a declaration and its handler find each other. */
export type RouteTable = Readonly<Record<string, RouteDeclaration>>;

export interface Route extends RouteDeclaration {
  handle(request: HttpRequest<never, never, never>): Promise<HttpResult>;
}

/** One client of a WebSocket, framework-free. */
export interface SocketConnection {
  readonly principal: Principal | null;
  readonly connectParameters: Readonly<Record<string, string>>;
  /** Queues one text frame. */
  send(text: string): void;
  /** Bytes queued and not yet taken by the operating system. */
  bufferedBytes(): number;
  close(code: number, reason: string): void;
}

export interface SocketHandler {
  onMessage(text: string): void;
  onClose(): void;
}

/** A socket as others know it, such as a gateway in another process. */
export interface SocketDeclaration {
  readonly path: string;
  /** The token `<keyId>.<secret>` in the first message of a client that came without one; `null` if it has none. */
  tokenIn(firstMessage: string, connectParameters: Readonly<Record<string, string>>): string | null;
}

export interface SocketRoute extends SocketDeclaration {
  readonly maxFrameBytes: number;
  /** Asked before a gateway's socket is opened, so that the gateway can ask another process. */
  isFull(): boolean;
  /** A client's socket that there is no room for is opened and closed with a code, which a page can read. */
  accept(connection: SocketConnection): SocketHandler;
}
