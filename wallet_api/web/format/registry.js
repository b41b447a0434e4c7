/** The economy registry of `ABTC1:` (specification, section 11). */

/** Codes by number. */
export const ECONOMIES = Object.freeze([
  "AUS", "BRN", "CAN", "CHL", "CHN", "HKG", "IDN", "JPN", "KOR", "MEX", "MYS", "NZL", "PER", "PHL", "PNG", "RUS", "SGP",
  "THA", "TWN", "USA", "VNM",
]);
