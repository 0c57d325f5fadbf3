//! What a process of docent gives up for good, so that nothing can leave the machine through it.

/// Closes the network to this process, its threads and all that it starts: no socket can be made but local ones (Unix
/// sockets), by the kernel's word (seccomp). Core dumps, which would hold text of documents, are off from then on. A program
/// that embeds docent calls this first, if it needs no connection of its own.
///
/// Returns whether the network is closed: on Linux, where the kernel knows seccomp. Elsewhere docent opens no connection all
/// the same; only there is nothing that would keep it from it.
pub fn close_network() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        let limited = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
        tracing::debug!("no core dumps: {limited:?}");
    }
    #[cfg(target_os = "linux")]
    {
        // A limit says nothing to a program that core dumps are piped to.
        let set = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        tracing::debug!("not dumpable: {set:?}");
        let closed = linux::close_network();
        tracing::debug!("network closed: {closed:?}");
        closed.is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// Files that this process makes from now on are their owner's alone, whatever library makes them (on Unix).
pub fn keep_files_private() {
    #[cfg(unix)]
    {
        use rustix::fs::Mode;
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
    }
}

/// Whether the network is closed: asks the kernel for a socket, which reaches nobody.
pub(crate) fn is_network_closed() -> bool {
    let refused = std::net::UdpSocket::bind(("127.0.0.1", 0)).err();
    refused.is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

    /// Call numbers with this bit are those of the x32 ABI, which does the same under another number.
    #[cfg(target_arch = "x86_64")]
    const X32: i64 = 0x4000_0000;

    pub(super) fn close_network() -> Outcome<()> {
        let not_local = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::Ne,
            u64::from(libc::AF_UNIX.cast_unsigned()),
        )?;
        let not_local = vec![SeccompRule::new(vec![not_local])?];
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
        rules.insert(libc::SYS_socket, not_local.clone());
        // It opens sockets without the call.
        rules.insert(libc::SYS_io_uring_setup, Vec::new());
        #[cfg(target_arch = "x86_64")]
        {
            rules.insert(X32 | libc::SYS_socket, not_local);
            rules.insert(X32 | libc::SYS_io_uring_setup, Vec::new());
        }
        let refuse = SeccompAction::Errno(libc::EACCES.cast_unsigned());
        let filter =
            SeccompFilter::new(rules, SeccompAction::Allow, refuse, std::env::consts::ARCH.try_into()?)?;
        let program: BpfProgram = filter.try_into()?;
        Ok(seccompiler::apply_filter_all_threads(&program)?)
    }
}
