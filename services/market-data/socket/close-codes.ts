/** The codes with which a market data socket is closed. The README explains the same table to people. */
export interface CloseCode {
  readonly code: number;
  readonly reason: string;
}

export const CLOSE = {
  draining: { code: 1001, reason: 'the server is shutting down; connect again' },
  notJson: { code: 1007, reason: 'a frame was not JSON' },
  unsupportedVersion: { code: 1008, reason: 'vsn: must be 1.0.0 or 2.0.0' },
  frameTooLarge: { code: 1009, reason: 'a frame was too large' },
  unauthenticated: { code: 4001, reason: 'no valid credentials' },
  stalled: { code: 4008, reason: 'stalled: the client does not take what it is sent' },
  silent: { code: 4010, reason: 'silent: no heartbeat within the time allowed' },
  tooManySockets: { code: 4013, reason: 'too many sockets are open' },
  tooManySocketsOfAccount: { code: 4014, reason: 'too many sockets are open for this account' },
  tooManyFrames: { code: 4029, reason: 'too many frames in too short a time' },
} as const satisfies Readonly<Record<string, CloseCode>>;
