#pragma once
// The look of reports: light and dark as the reader's system says, narrow screens, paper.

namespace whorl::eval {

inline constexpr const char* kReportStyle = R"css(
:root{color-scheme:light dark;--paper:#fbfaf8;--card:#fff;--ink:#1d1f23;--soft:#666b75;--line:#e3e1dc;--a:#0b6e6e;
--b:#b4541a;--c:#5a4fb0;--d:#8a6d00;--good:#1b7f3b;--good-bg:#e6f4ea;--bad:#b3261e;--bad-bg:#fbe9e7;--odd-bg:#fff4d6;--odd:#7a5b00}
@media(prefers-color-scheme:dark){:root{--paper:#15171a;--card:#1d2024;--ink:#e9e8e4;--soft:#9ba1ab;--line:#33373d;
--a:#5cc5c0;--b:#f0a070;--c:#a9a0f5;--d:#e0c050;--good:#7bd694;--good-bg:#16301e;--bad:#ff9b91;--bad-bg:#3a1a18;--odd-bg:#38300f;--odd:#f0d67a}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.1rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem;letter-spacing:-.01em}
h2{font-size:1.2rem;margin:2.6rem 0 .8rem}
h3{font-size:1rem;margin:0 0 .6rem}
p{margin:.4rem 0}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;margin:0 0 1rem;break-inside:avoid}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.93rem}
th,td{text-align:left;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;color:var(--soft);font-size:.82rem;white-space:nowrap}
tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right;white-space:nowrap}
td.wide{min-width:15rem}
svg{display:block;width:100%;min-width:26rem;height:auto;max-width:44rem}
svg text{fill:var(--ink);font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
svg .axis{stroke:var(--line)}
svg .tick{fill:var(--soft);font-size:11px}
.tag{display:inline-block;border-radius:5px;padding:0 .45rem;font-size:.8rem;line-height:1.55;border:1px solid var(--line);color:var(--soft)}
.tag.good{background:var(--good-bg);color:var(--good);border-color:transparent}
.tag.bad{background:var(--bad-bg);color:var(--bad);border-color:transparent}
.tag.odd{background:var(--odd-bg);color:var(--odd);border-color:transparent}
.text{white-space:pre-wrap;overflow-wrap:anywhere;font:.88rem/1.45 ui-monospace,"Cascadia Mono",Menlo,Consolas,monospace;
background:var(--paper);border:1px solid var(--line);border-radius:7px;padding:.5rem .65rem;margin:.25rem 0 .7rem;max-height:16rem;overflow-y:auto}
.label{font-size:.8rem;color:var(--soft);margin:.2rem 0 0}
details summary{cursor:pointer;font-weight:600}
footer{margin-top:3rem;color:var(--soft);font-size:.85rem}
@media(max-width:34rem){body{font-size:15px}main{padding:1.2rem .8rem 3rem}h1{font-size:1.5rem}.card{padding:.8rem}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--a:#0b6e6e;--b:#b4541a;--c:#5a4fb0;
--d:#8a6d00;--good:#1b7f3b;--good-bg:#fff;--bad:#b3261e;--bad-bg:#fff;--odd-bg:#fff;--odd:#7a5b00}main{max-width:none;padding:0}.text{max-height:none}
h2{break-after:avoid}}
)css";

}  // namespace whorl::eval
