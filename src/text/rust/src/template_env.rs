//! The environment that Hugging Face gives to chat templates.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use crate::marked_filters::{install, keep_builtins, COVERED};
use crate::pyjson::tojson;
use crate::{marked_methods, pymethods};

/// Context variable with the seconds since 1970 that strftime_now() reads.
pub const NOW: &str = "__whorl_now";

/// An environment; with `marked`, methods and filters see through marks.
pub fn environment(fuel: u64, marked: bool) -> Result<Environment<'static>, Error> {
    let mut env = Environment::new();
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    env.set_fuel(Some(fuel));
    env.set_recursion_limit(200);
    env.add_filter("tojson", |value: Value, kwargs: Kwargs| tojson(&value, kwargs));
    env.add_function("raise_exception", raise_exception);
    env.add_function("strftime_now", strftime_now);
    if marked {
        keep_builtins(&mut env);
        install(&mut env, &COVERED);
        env.set_unknown_method_callback(marked_methods::method);
    } else {
        env.set_unknown_method_callback(pymethods::method);
    }
    Ok(env)
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(
        ErrorKind::InvalidOperation,
        format!("the template refuses: {}", crate::marks::strip(&message)),
    ))
}

fn strftime_now(state: &State, format: &str) -> Result<String, Error> {
    let now = state.lookup(NOW).and_then(|v| v.as_i64()).unwrap_or(0);
    strftime(format, now)
}

const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

struct Date {
    year: i64,
    month: i64,
    day: i64,
    weekday: usize,
    yearday: i64,
    seconds: i64,
}

// Days since 1970 to the Gregorian calendar, by counting in 400-year eras that begin in March.
fn date(now: i64) -> Date {
    let days = now.div_euclid(86_400);
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let from_march = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * from_march + 2) / 153;
    let day = from_march - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][(month - 1) as usize];
    Date {
        year,
        month,
        day,
        weekday: (days + 4).rem_euclid(7) as usize,
        yearday: before + day + i64::from(leap && month > 2),
        seconds: now.rem_euclid(86_400),
    }
}

/// The common part of C's strftime, in English and UTC. `%-d` drops the leading zero, as glibc does.
pub fn strftime(format: &str, now: i64) -> Result<String, Error> {
    let d = date(now);
    let (hour, minute, second) = (d.seconds / 3600, d.seconds / 60 % 60, d.seconds % 60);
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut code = chars.next().unwrap_or('%');
        let bare = code == '-';
        if bare {
            code = chars.next().unwrap_or('%');
        }
        let two = |n: i64| if bare { n.to_string() } else { format!("{n:02}") };
        match code {
            'Y' => out += &d.year.to_string(),
            'y' => out += &two(d.year.rem_euclid(100)),
            'm' => out += &two(d.month),
            'd' => out += &two(d.day),
            'e' => out += &format!("{:2}", d.day),
            'B' => out += MONTHS[(d.month - 1) as usize],
            'b' | 'h' => out += &MONTHS[(d.month - 1) as usize][..3],
            'A' => out += DAYS[d.weekday],
            'a' => out += &DAYS[d.weekday][..3],
            'w' => out += &d.weekday.to_string(),
            'j' => out += &(if bare { d.yearday.to_string() } else { format!("{:03}", d.yearday) }),
            'H' => out += &two(hour),
            'I' => out += &two((hour + 11) % 12 + 1),
            'M' => out += &two(minute),
            'S' => out += &two(second),
            'p' => out += if hour < 12 { "AM" } else { "PM" },
            'F' => out += &format!("{}-{:02}-{:02}", d.year, d.month, d.day),
            'T' => out += &format!("{hour:02}:{minute:02}:{second:02}"),
            'Z' => out += "UTC",
            'z' => out += "+0000",
            '%' => out.push('%'),
            other => {
                let message = format!("strftime_now: unknown code %{other}");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
    }
    Ok(out)
}
