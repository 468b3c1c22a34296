/** The keys of Web Push in tests: anybody may know them. */
export const TEST_VAPID = {
  publicKey: 'BG8GWr2_R20oE20WrG4wZRh1zIYTDyhiNTVNZaalMTsf7vW-xE6IC1uBfS_PpS_bnwCpaWxTC-jtQU-fumkXrzw',
  privateKey: '4uAc6Q--DLABaakKYeXqiYnP6_CDJsjqa4mm8upRqVo',
  subject: 'mailto:push@warbler.test',
}
