/**
 * What MQTT lets stand in its texts: topics, user properties, content types. One text that breaks these rules costs the whole connection, and
 * with it every browser behind it, so nothing leaves without having passed here. Knows no packet.
 */

/** MQTT 5 §1.5.4: "The length of UTF-8 Encoded Strings is limited to the range 0 to 65,535 bytes". */
const LONGEST_TEXT = 65_535

/**
 * MQTT 5 §1.5.4: text "MUST NOT include encodings of code points between U+D800 and U+DFFF", "MUST NOT include an encoding of the null
 * character U+0000", and "SHOULD NOT include encodings of … U+0001..U+001F, U+007F..U+009F" and of "Unicode non-characters". For brokers
 * the SHOULD is a MUST: Mosquitto drops the connection.
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u

/** The rule that a text breaks, to stand behind "must"; undefined = none. */
export function textFault(text: string): string | undefined {
  if (FORBIDDEN.test(text)) return 'hold no control character, lone surrogate or non-character'
  // A character has at most three bytes for each UTF-16 unit: most texts need no count.
  if (text.length * 3 > LONGEST_TEXT && Buffer.byteLength(text) > LONGEST_TEXT)
    return `have at most ${LONGEST_TEXT} bytes`
  return undefined
}
