/** The options of market-data. */
import { symbolOptions } from '#infrastructure/common/symbol-options.ts';
import { type ConfigurationOf, integerOption } from '#infrastructure/core/options.ts';

export const marketDataOptions = {
  batchRecords: integerOption({
    name: 'market_data_batch_records',
    default: '2000',
    sentence: 'How many records of the log market-data takes at a time.',
    minimum: 1,
    maximum: 100_000,
  }),
  ...symbolOptions,
  resumeEventsPerSymbol: integerOption({
    name: 'resume_events_per_symbol',
    default: '256',
    sentence: 'How many recent price updates of a symbol a client that comes back can be sent.',
    minimum: 1,
    maximum: 65_536,
  }),
  resumeEventsTotal: integerOption({
    name: 'resume_events_total',
    default: '200000',
    sentence: 'How many recent price updates are kept over all symbols.',
    minimum: 1,
    maximum: 10_000_000,
  }),
  resumeUpdatesPerAccount: integerOption({
    name: 'resume_updates_per_account',
    default: '64',
    sentence: 'How many recent order updates of an account a client that comes back can be sent.',
    minimum: 1,
    maximum: 10_000,
  }),
  resumeUpdatesTotal: integerOption({
    name: 'resume_updates_total',
    default: '20000',
    sentence:
      'How many recent order updates are kept over all accounts; the accounts longest without one lose theirs first.',
    minimum: 1,
    maximum: 1_000_000,
  }),
  maxSockets: integerOption({
    name: 'socket_max_total',
    default: '10000',
    sentence: 'How many market data sockets may be open; further ones are closed with 4013.',
    minimum: 1,
    maximum: 1_000_000,
  }),
  maxSocketsPerAccount: integerOption({
    name: 'socket_max_per_account',
    default: '2000',
    sentence: 'How many market data sockets one account may have open; further ones are closed with 4014.',
    minimum: 1,
    maximum: 1_000_000,
  }),
  maxSymbolsPerSocket: integerOption({
    name: 'socket_max_symbols',
    default: '500',
    sentence: 'How many symbols one socket may join; further joins are refused.',
    minimum: 1,
    maximum: 20_000,
  }),
  maxFrameBytes: integerOption({
    name: 'socket_max_frame_bytes',
    default: '16384',
    unit: 'bytes',
    sentence: 'The largest frame a client may send; a larger one closes the socket with 1009.',
    minimum: 256,
    maximum: 1_048_576,
  }),
  framesPerSecond: integerOption({
    name: 'socket_frames_per_second',
    default: '100',
    sentence: 'How many frames a second a client may send in the long run; more close the socket with 4029.',
    minimum: 1,
    maximum: 100_000,
  }),
  frameBurst: integerOption({
    name: 'socket_frame_burst',
    default: '1000',
    sentence: 'How many frames a client may send at once, as when it joins all its symbols again.',
    minimum: 1,
    maximum: 100_000,
  }),
  conflateAboveBytes: integerOption({
    name: 'socket_conflate_above_bytes',
    default: '65536',
    unit: 'bytes',
    sentence: 'With more than this waiting to be sent, a client gets only the latest price of each symbol.',
    minimum: 0,
    maximum: 16_777_216,
  }),
  maxBufferedBytes: integerOption({
    name: 'socket_max_buffered_bytes',
    default: '1048576',
    unit: 'bytes',
    sentence:
      'With more than this waiting to be sent, the next reply or order update closes the socket with 4008.',
    minimum: 1_024,
    maximum: 67_108_864,
  }),
  flushIntervalMs: integerOption({
    name: 'socket_flush_interval_ms',
    default: '25',
    unit: 'ms',
    sentence: 'How often slow clients are looked at, to send them the latest prices.',
    minimum: 1,
    maximum: 10_000,
  }),
  stallTimeoutMs: integerOption({
    name: 'socket_stall_timeout_ms',
    default: '15000',
    unit: 'ms',
    sentence: 'A slow client that takes nothing for this long is closed with 4008.',
    minimum: 100,
    maximum: 3_600_000,
  }),
  heartbeatTimeoutMs: integerOption({
    name: 'socket_heartbeat_timeout_ms',
    default: '60000',
    unit: 'ms',
    sentence: 'A client that sends nothing, not even a heartbeat, for this long is closed with 4010.',
    minimum: 1_000,
    maximum: 3_600_000,
  }),
};

export type MarketDataConfig = ConfigurationOf<typeof marketDataOptions>;
