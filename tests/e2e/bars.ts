/** The market that the days in tests trade on: recorded minutes, and how fast they are replayed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '../..');
const SHARED_BARS = join(REPOSITORY, '../shared/data/bars_1min_us24_2019.csv.gz');
const OWN_BARS = join(REPOSITORY, 'tests/fixtures/bars_1min_us6_excerpt.csv');
/** Five days of 24 symbols where there are such, else half an hour of six. */
export const HAS_DAYS = existsSync(SHARED_BARS);
export const BARS = HAS_DAYS ? SHARED_BARS : OWN_BARS;
/** So that kills come in the middle of trading: five days in some minutes, or half an hour in one. */
export const REPLAY_SPEED = HAS_DAYS ? '2000' : '30';
