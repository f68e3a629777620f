//! Exports the functions that stand in for those of native libraries (`vision/decoder_frame.rs`).
//!
//! The linker exports what a library asks for without a version by itself; FFmpeg's functions are
//! asked for with one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu") {
        for option in ["--undefined", "--export-dynamic-symbol"] {
            println!("cargo::rustc-link-arg=-Wl,{option}=avcodec_receive_frame");
        }
    }
}
