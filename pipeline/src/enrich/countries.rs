//! How far an address can be from the middle of its country.
//!
//! Derived from the borders of Natural Earth at 1:10 000 000 (public domain), as packed in
//! `world-atlas` 2.0.2: the distance on the sphere from the centre of gravity of the country's
//! largest piece of land, which is where databases put an address of which they know the country
//! only, to the farthest border of every piece that makes up a hundredth of its land or more,
//! rounded up to 10 km. The United States therefore reach from Kansas to Alaska. Territories with a
//! country code of their own count for themselves.

/// The radius of a country by its ISO 3166-1 alpha-2 code; none for a code without borders there.
pub(super) fn radius_km(code: &str) -> Option<f64> {
    let code: [u8; 2] = code.as_bytes().try_into().ok()?;
    let at = RADII.binary_search_by_key(&code, |(code, _)| *code).ok()?;
    RADII.get(at).map(|(_, km)| f64::from(*km))
}

#[rustfmt::skip] // a table
const RADII: &[([u8; 2], u16)] = &[
    (*b"AD", 20), (*b"AE", 310), (*b"AF", 900), (*b"AG", 80), (*b"AI", 20), (*b"AL", 180), (*b"AM", 210), (*b"AO", 900),
    (*b"AQ", 3620), (*b"AR", 2060), (*b"AS", 370), (*b"AT", 350), (*b"AU", 2120), (*b"AW", 20), (*b"AX", 70), (*b"AZ", 260),
    (*b"BA", 200), (*b"BB", 20), (*b"BD", 410), (*b"BE", 160), (*b"BF", 460), (*b"BG", 300), (*b"BH", 30), (*b"BI", 140),
    (*b"BJ", 390), (*b"BL", 10), (*b"BM", 20), (*b"BN", 90), (*b"BO", 830), (*b"BQ", 830), (*b"BR", 2590), (*b"BS", 660),
    (*b"BT", 180), (*b"BW", 620), (*b"BY", 380), (*b"BZ", 160), (*b"CA", 3390), (*b"CD", 1360), (*b"CF", 790), (*b"CG", 620),
    (*b"CH", 190), (*b"CI", 430), (*b"CK", 1380), (*b"CL", 2400), (*b"CM", 850), (*b"CN", 2910), (*b"CO", 970), (*b"CR", 260),
    (*b"CU", 630), (*b"CV", 290), (*b"CW", 40), (*b"CY", 110), (*b"CZ", 260), (*b"DE", 460), (*b"DJ", 130), (*b"DK", 390),
    (*b"DM", 30), (*b"DO", 240), (*b"DZ", 1150), (*b"EC", 1480), (*b"EE", 240), (*b"EG", 870), (*b"EH", 630), (*b"ER", 550),
    (*b"ES", 620), (*b"ET", 930), (*b"FI", 670), (*b"FJ", 290), (*b"FK", 170), (*b"FM", 2240), (*b"FO", 90), (*b"FR", 790),
    (*b"GA", 380), (*b"GB", 570), (*b"GD", 60), (*b"GE", 330), (*b"GF", 240), (*b"GG", 50), (*b"GH", 390), (*b"GI", 10),
    (*b"GL", 1350), (*b"GM", 180), (*b"GN", 460), (*b"GP", 80), (*b"GQ", 320), (*b"GR", 620), (*b"GS", 810), (*b"GT", 270),
    (*b"GU", 30), (*b"GW", 200), (*b"GY", 440), (*b"HK", 50), (*b"HM", 30), (*b"HN", 380), (*b"HR", 350), (*b"HT", 200),
    (*b"HU", 280), (*b"ID", 3150), (*b"IE", 260), (*b"IL", 240), (*b"IM", 30), (*b"IN", 1890), (*b"IO", 250), (*b"IQ", 570),
    (*b"IR", 1220), (*b"IS", 290), (*b"IT", 790), (*b"JE", 10), (*b"JM", 130), (*b"JO", 310), (*b"JP", 1070), (*b"KE", 610),
    (*b"KG", 500), (*b"KH", 360), (*b"KI", 3330), (*b"KM", 160), (*b"KN", 40), (*b"KP", 410), (*b"KR", 390), (*b"KW", 130),
    (*b"KY", 170), (*b"KZ", 1540), (*b"LA", 590), (*b"LB", 120), (*b"LC", 30), (*b"LI", 20), (*b"LK", 260), (*b"LR", 310),
    (*b"LS", 130), (*b"LT", 200), (*b"LU", 50), (*b"LV", 260), (*b"LY", 1050), (*b"MA", 1250), (*b"MC", 10), (*b"MD", 200),
    (*b"ME", 110), (*b"MF", 10), (*b"MG", 870), (*b"MH", 660), (*b"MK", 120), (*b"ML", 1030), (*b"MM", 1260), (*b"MN", 1280),
    (*b"MO", 10), (*b"MP", 610), (*b"MQ", 40), (*b"MR", 820), (*b"MS", 10), (*b"MT", 40), (*b"MU", 630), (*b"MV", 540),
    (*b"MW", 460), (*b"MX", 1750), (*b"MY", 1650), (*b"MZ", 1140), (*b"NA", 970), (*b"NC", 280), (*b"NE", 1040), (*b"NF", 10),
    (*b"NG", 780), (*b"NI", 320), (*b"NL", 200), (*b"NO", 1100), (*b"NP", 460), (*b"NR", 10), (*b"NU", 20), (*b"NZ", 1090),
    (*b"OM", 540), (*b"PA", 340), (*b"PE", 1130), (*b"PF", 1450), (*b"PG", 1300), (*b"PH", 1240), (*b"PK", 980), (*b"PL", 420),
    (*b"PM", 30), (*b"PN", 260), (*b"PR", 130), (*b"PS", 130), (*b"PT", 310), (*b"PW", 630), (*b"PY", 550), (*b"QA", 100),
    (*b"RE", 40), (*b"RO", 380), (*b"RS", 250), (*b"RU", 4240), (*b"RW", 140), (*b"SA", 1160), (*b"SB", 670), (*b"SC", 1150),
    (*b"SD", 1070), (*b"SE", 790), (*b"SG", 30), (*b"SH", 2750), (*b"SI", 150), (*b"SJ", 300), (*b"SK", 230), (*b"SL", 190),
    (*b"SM", 10), (*b"SN", 400), (*b"SO", 1010), (*b"SR", 290), (*b"SS", 700), (*b"ST", 190), (*b"SV", 140), (*b"SX", 10),
    (*b"SY", 430), (*b"SZ", 100), (*b"TC", 80), (*b"TD", 960), (*b"TF", 1370), (*b"TG", 320), (*b"TH", 1050), (*b"TJ", 390),
    (*b"TL", 220), (*b"TM", 670), (*b"TN", 430), (*b"TO", 630), (*b"TR", 850), (*b"TT", 140), (*b"TV", 470), (*b"TW", 210),
    (*b"TZ", 780), (*b"UA", 680), (*b"UG", 430), (*b"UM", 9500), (*b"US", 5190), (*b"UY", 330), (*b"UZ", 840), (*b"VA", 10),
    (*b"VC", 80), (*b"VE", 830), (*b"VG", 50), (*b"VI", 80), (*b"VN", 900), (*b"VU", 650), (*b"WF", 250), (*b"WS", 120),
    (*b"XK", 90), (*b"YE", 600), (*b"YT", 20), (*b"ZA", 950), (*b"ZM", 730), (*b"ZW", 510),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_so_that_it_can_be_searched() {
        assert!(RADII.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn radii_reach_the_far_ends_of_their_countries() {
        // Kansas to the western end of mainland Alaska; Mato Grosso to the tip of Rio Grande do Sul.
        assert!(radius_km("US").unwrap() > 4_500.0);
        assert!(radius_km("BR").unwrap() > 2_000.0);
        // Overseas regions have codes of their own.
        assert!(radius_km("FR").unwrap() < 1_000.0);
        assert!(radius_km("SG").unwrap() < 50.0);
        assert_eq!(radius_km("EU"), None);
        assert_eq!(radius_km("Norway"), None);
    }
}
