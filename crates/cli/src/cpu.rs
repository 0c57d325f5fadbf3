//! Whether this processor can run the binary at all.
//!
//! Release binaries are built for x86-64-v3. On an older processor they would die of an illegal instruction, so the
//! features are asked for before anything else, and what is said is ready-made. `is_x86_feature_detected!` is no use
//! here: where a feature is compiled in, it is folded to `true`.

/// What is missing, in words, on a processor that lacks what the binary was compiled for.
#[cfg(all(target_arch = "x86_64", any(target_feature = "avx2", target_feature = "fma")))]
pub(crate) fn missing() -> Option<&'static str> {
    use std::arch::x86_64::{__cpuid, __cpuid_count};

    // Intel SDM volume 2, CPUID: leaf 1 ECX bits 12 (FMA), 27 (the system saves wide registers), 28 (AVX); leaf 7
    // EBX bit 5 (AVX2).
    let bit = |register: u32, at: u32| register >> at & 1 == 1;
    let first = __cpuid(1).ecx;
    let avx2 = __cpuid(0).eax >= 7 && bit(__cpuid_count(7, 0).ebx, 5) && bit(first, 27) && bit(first, 28);
    match (avx2, bit(first, 12)) {
        (true, true) => None,
        (false, true) => Some("AVX2"),
        (true, false) => Some("FMA"),
        (false, false) => Some("AVX2 and FMA"),
    }
}

/// Nothing was compiled in that a processor could lack.
#[cfg(not(all(target_arch = "x86_64", any(target_feature = "avx2", target_feature = "fma"))))]
pub(crate) fn missing() -> Option<&'static str> {
    None
}

/// Says so on stderr, or as JSON on stdout. No formatting, no allocation worth the name: that code may already use
/// what is missing.
pub(crate) fn complain(missing: &str) {
    use std::io::{Write, stderr, stdout};

    const WAY_OUT: &str = "docent needs an x86-64 processor of 2013 or later (x86-64-v3); in a virtual machine, pass \
                           the host's processor features through";
    let json = std::env::args_os().any(|word| word == "--json");
    let parts = if json {
        [
            "{\"error\":{\"kind\":\"runtime_missing\",\"message\":\"this processor lacks ",
            missing,
            "\",\"hint\":\"",
            WAY_OUT,
            "\"}}\n",
        ]
    } else {
        ["error: this processor lacks ", missing, "\nhint: ", WAY_OUT, "\n"]
    };
    for part in parts {
        let bytes = part.as_bytes();
        // Nobody is left to tell where this fails.
        let _ = if json { stdout().write_all(bytes) } else { stderr().write_all(bytes) };
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_machine_that_runs_the_tests_passes() {
        assert_eq!(super::missing(), None);
    }
}
