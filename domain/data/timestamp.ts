/**
 * Timestamps on the wires: ISO 8601 in UTC with milliseconds, `2019-02-11T14:30:00.000Z`; inside, milliseconds
 * since the Unix epoch as a number.
 *
 * Written by hand, since every record carries several and the built-in `Date` costs more than the rest of a
 * record together. Days from and to the civil calendar: Howard Hinnant, "chrono-compatible low-level date
 * algorithms" (2013), for the proleptic Gregorian calendar.
 */
const DAY_MS = 86_400_000;
/** 0001-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: the years that four digits can write. */
export const MIN_TIMESTAMP_MS = -62_135_596_800_000;
export const MAX_TIMESTAMP_MS = 253_402_300_799_999;

export function isTimestampMs(value: number): boolean {
  return Number.isInteger(value) && value >= MIN_TIMESTAMP_MS && value <= MAX_TIMESTAMP_MS;
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : -1_000_000;
}

function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** The day's first millisecond, of `YYYY-MM-DD` at the beginning of `text`; `null` when there is no such day. */
export function parseDayMs(text: string): number | null {
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  if (text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return null;
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1)) return null;
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const last = month === 2 && leap ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
  return day <= last ? daysFromCivil(year, month, day) * DAY_MS : null;
}

// The days read and written last: records come in time order, so nearly every one finds its day here.
let parsedDay = '';
let parsedDayMs = 0;
let formattedDayMs = Number.NaN;
let formattedDay = '';
let formattedMs = Number.NaN;
let formatted = '';

/**
 * Reads `YYYY-MM-DDTHH:MM:SS` with up to nine decimals of a second and a `Z`; digits below the millisecond are
 * cut off. `null` when it is anything else, leap seconds included.
 */
export function parseTimestamp(text: string): number | null {
  const length = text.length;
  if (length < 20 || length > 30 || text.charCodeAt(10) !== 84 || text.charCodeAt(length - 1) !== 90)
    return null;
  const dayText = text.slice(0, 10);
  if (dayText !== parsedDay) {
    const dayMs = parseDayMs(dayText);
    if (dayMs === null) return null;
    parsedDay = dayText;
    parsedDayMs = dayMs;
  }
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (text.charCodeAt(13) !== 58 || text.charCodeAt(16) !== 58) return null;
  if (!(hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59)) return null;
  let fraction = 0;
  if (length > 20) {
    if (text.charCodeAt(19) !== 46 || length === 21) return null;
    for (let at = 20, place = 100; at < length - 1; at++, place /= 10) {
      const value = digit(text, at);
      if (value < 0) return null;
      if (place >= 1) fraction += value * place;
    }
  }
  return parsedDayMs + hour * 3_600_000 + minute * 60_000 + second * 1_000 + fraction;
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function formatDay(dayMs: number): string {
  const shifted = dayMs / DAY_MS + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${padded(year, 4)}-${padded(month, 2)}-${padded(day, 2)}`;
}

const TWO_DIGITS: readonly string[] = Array.from({ length: 60 }, (_, value) => padded(value, 2));
const THREE_DIGITS: readonly string[] = Array.from({ length: 1_000 }, (_, value) => padded(value, 3));

/** Throws a `RangeError` outside the years 1 to 9999: every time inside has passed `isTimestampMs` at the door. */
export function formatTimestamp(timeMs: number): string {
  if (timeMs === formattedMs) return formatted;
  if (!isTimestampMs(timeMs)) throw new RangeError(`not a timestamp in milliseconds: ${timeMs}`);
  const dayMs = Math.floor(timeMs / DAY_MS) * DAY_MS;
  if (dayMs !== formattedDayMs) {
    formattedDay = formatDay(dayMs);
    formattedDayMs = dayMs;
  }
  const ofDay = timeMs - dayMs;
  const hour = TWO_DIGITS[Math.floor(ofDay / 3_600_000)];
  const minute = TWO_DIGITS[Math.floor(ofDay / 60_000) % 60];
  const second = TWO_DIGITS[Math.floor(ofDay / 1_000) % 60];
  formatted = `${formattedDay}T${hour}:${minute}:${second}.${THREE_DIGITS[ofDay % 1_000]}Z`;
  formattedMs = timeMs;
  return formatted;
}

/**
 * A time as market data files write it: as on the wires, or with `+00:00` for the `Z`, or a day alone for its
 * first millisecond. `null` when it is anything else: a time without a zone is not guessed at.
 */
export function parseFeedTime(text: string): number | null {
  if (text.length === 10) return parseDayMs(text);
  return parseTimestamp(text.endsWith('+00:00') ? `${text.slice(0, -6)}Z` : text);
}
