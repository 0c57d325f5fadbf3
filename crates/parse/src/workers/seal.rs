//! What a worker gives up before it sees the first file: the network, other programs, files, memory without end.

use std::io;

use serde::{Deserialize, Serialize};

/// Which of the two seals hold a worker. A kernel without one of them leaves the other; elsewhere than on Linux there
/// is neither, and only the limits hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// System calls are filtered (seccomp): no sockets, no programs, no files.
    pub system_calls: bool,
    /// The kernel refuses every path (Landlock).
    pub paths: bool,
}

/// Seals this process for good, with `memory` bytes at the most.
///
/// # Errors
/// A limit cannot be set, or the kernel knows a seal and refuses it.
#[cfg(unix)]
pub(super) fn seal(memory: u64) -> io::Result<Seal> {
    use rustix::process::Resource;
    // Address space is no measure: libraries reserve far more of it than they use.
    limit(Resource::Data, memory)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Core, 0)?;
    #[cfg(target_os = "linux")]
    return linux::seal();
    #[cfg(not(target_os = "linux"))]
    Ok(Seal::default())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(super) fn seal(_memory: u64) -> io::Result<Seal> {
    Ok(Seal::default())
}

/// From now on, `seconds` more of processor time; then the kernel ends the process.
#[cfg(unix)]
pub(super) fn limit_processor_time(seconds: u64) -> io::Result<()> {
    use rustix::{
        process::{Resource, Rlimit, getrlimit, setrlimit},
        time::{ClockId, clock_gettime},
    };
    let used = clock_gettime(ClockId::ProcessCPUTime).tv_sec.cast_unsigned();
    let maximum = getrlimit(Resource::Cpu).maximum;
    let until = (used + seconds).min(maximum.unwrap_or(u64::MAX));
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(until), maximum })?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(super) fn limit_processor_time(_seconds: u64) -> io::Result<()> {
    Ok(())
}

/// Ends this process when `parent` ends.
///
/// # Errors
/// The parent is gone already.
pub(super) fn die_with(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid().is_none_or(|now| now.as_raw_nonzero().get().cast_unsigned() != parent) {
            return Err(io::Error::other("the parent is gone"));
        }
    }
    // Elsewhere the end of the pipe is what ends it.
    let _ = parent;
    Ok(())
}

#[cfg(unix)]
fn limit(resource: rustix::process::Resource, to: u64) -> io::Result<()> {
    // Whoever started docent may have set a narrower one.
    let to = to.min(rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX));
    let limit = rustix::process::Rlimit { current: Some(to), maximum: Some(to) };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{collections::BTreeMap, io};

    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };

    use super::Seal;

    pub(super) fn seal() -> io::Result<Seal> {
        // Landlock first: the filter does not let its system calls through.
        let paths = close_paths().map_err(io::Error::other)?;
        Ok(Seal { paths, system_calls: filter_system_calls()? })
    }

    /// `false` where the kernel has no Landlock.
    fn close_paths() -> Result<bool, landlock::RulesetError> {
        let newest = ABI::V6;
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(newest))?
            .handle_access(AccessNet::from_all(newest))?
            .scope(Scope::from_all(newest))?
            .create()?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    /// `false` where the kernel has no filters.
    fn filter_system_calls() -> io::Result<bool> {
        let Ok(arch) = std::env::consts::ARCH.try_into() else { return Ok(false) };
        // The kernel takes the harder answer of the two.
        let filters = [
            (forbidden()?, SeccompAction::KillProcess, SeccompAction::Allow),
            (harmless()?, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.cast_unsigned())),
        ];
        for (rules, on_match, otherwise) in filters {
            let filter = SeccompFilter::new(rules, otherwise, on_match, arch).map_err(io::Error::other)?;
            let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
            match seccompiler::apply_filter_all_threads(&program) {
                Ok(()) => {}
                Err(seccompiler::Error::Seccomp(cause))
                    if matches!(cause.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
                {
                    return Ok(false);
                }
                Err(cause) => return Err(io::Error::other(cause)),
            }
        }
        Ok(true)
    }

    /// What no parser does: the attempt ends the process.
    fn forbidden() -> io::Result<Rules> {
        let mut rules: Rules = [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_sendmmsg,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_kill,
            libc::SYS_pidfd_open,
            libc::SYS_pidfd_getfd,
            libc::SYS_pidfd_send_signal,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            libc::SYS_io_uring_register,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_unlinkat,
            libc::SYS_renameat2,
            libc::SYS_linkat,
            libc::SYS_symlinkat,
            libc::SYS_mkdirat,
            libc::SYS_mknodat,
            libc::SYS_fchmodat,
            libc::SYS_fchownat,
            libc::SYS_truncate,
        ]
        .into_iter()
        .map(|call| (call, Vec::new()))
        .collect();
        #[cfg(target_arch = "x86_64")]
        rules.extend(
            [
                libc::SYS_fork,
                libc::SYS_vfork,
                libc::SYS_creat,
                libc::SYS_unlink,
                libc::SYS_rename,
                libc::SYS_link,
                libc::SYS_symlink,
                libc::SYS_mkdir,
                libc::SYS_rmdir,
                libc::SYS_mknod,
                libc::SYS_chmod,
                libc::SYS_chown,
            ]
            .map(|call| (call, Vec::new())),
        );
        let thread = libc::CLONE_THREAD as u64;
        let flags = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT].map(|flag| flag as u64);
        add(&mut rules, libc::SYS_clone, 0, SeccompCmpOp::MaskedEq(thread), 0)?;
        for flag in flags {
            // Opening to read is refused below, without an end: libraries look for fonts.
            add(&mut rules, libc::SYS_openat, 2, SeccompCmpOp::MaskedEq(flag), flag)?;
            #[cfg(target_arch = "x86_64")]
            add(&mut rules, libc::SYS_open, 1, SeccompCmpOp::MaskedEq(flag), flag)?;
        }
        Ok(rules)
    }

    /// Adds a condition on the argument of a call, beside those that are there.
    fn add(rules: &mut Rules, call: i64, argument: u8, is: SeccompCmpOp, value: u64) -> io::Result<()> {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value);
        let rule = SeccompRule::new(vec![condition.map_err(io::Error::other)?]);
        rules.entry(call).or_default().push(rule.map_err(io::Error::other)?);
        Ok(())
    }

    /// What parsers and their runtime need. Everything else is answered as by a kernel that does not have it: a library
    /// that looks for a font or the time zone does without.
    fn harmless() -> io::Result<Rules> {
        let mut rules: Rules = [
            libc::SYS_read,
            libc::SYS_readv,
            libc::SYS_write,
            libc::SYS_writev,
            libc::SYS_close,
            libc::SYS_fstat,
            libc::SYS_lseek,
            libc::SYS_brk,
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_futex,
            libc::SYS_membarrier,
            libc::SYS_rseq,
            libc::SYS_set_robust_list,
            libc::SYS_sched_yield,
            libc::SYS_sched_getaffinity,
            libc::SYS_nanosleep,
            libc::SYS_clock_nanosleep,
            libc::SYS_clock_gettime,
            libc::SYS_clock_getres,
            libc::SYS_gettimeofday,
            libc::SYS_getpid,
            libc::SYS_gettid,
            libc::SYS_getrandom,
            libc::SYS_getrusage,
            libc::SYS_uname,
            libc::SYS_sysinfo,
            libc::SYS_ppoll,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sigaltstack,
            libc::SYS_restart_syscall,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ]
        .into_iter()
        .map(|call| (call, Vec::new()))
        .collect();
        #[cfg(target_arch = "x86_64")]
        rules.extend([libc::SYS_poll, libc::SYS_time].map(|call| (call, Vec::new())));
        let own = u64::from(std::process::id());
        let exec = libc::PROT_EXEC as u64;
        let thread = libc::CLONE_THREAD as u64;
        let conditional = [
            (libc::SYS_mprotect, 2, SeccompCmpOp::MaskedEq(exec), 0),
            // Threads, no processes. The newer clone3 hides its flags, so libraries fall back to this one.
            (libc::SYS_clone, 0, SeccompCmpOp::MaskedEq(thread), thread),
            // A signal to itself: how a program aborts.
            (libc::SYS_tgkill, 0, SeccompCmpOp::Eq, own),
            (libc::SYS_prctl, 0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64),
            (libc::SYS_prctl, 0, SeccompCmpOp::Eq, libc::PR_SET_VMA as u64),
            (libc::SYS_fcntl, 1, SeccompCmpOp::Eq, libc::F_GETFD as u64),
            (libc::SYS_fcntl, 1, SeccompCmpOp::Eq, libc::F_GETFL as u64),
            // The C library's way to ask about an open file.
            (libc::SYS_newfstatat, 3, SeccompCmpOp::Eq, libc::AT_EMPTY_PATH as u64),
        ];
        for (call, argument, operator, value) in conditional {
            add(&mut rules, call, argument, operator, value)?;
        }
        // No memory that can be run: what was loaded before the seal is all the program there is. Nor any that the limit
        // does not count.
        let uncounted = (libc::MAP_SHARED | libc::MAP_GROWSDOWN) as u64;
        let mmap = [(2, SeccompCmpOp::MaskedEq(exec), 0), (3, SeccompCmpOp::MaskedEq(uncounted), 0)];
        // The limit of processor time, and its own.
        let limits = [(0, SeccompCmpOp::Eq, 0), (1, SeccompCmpOp::Eq, u64::from(libc::RLIMIT_CPU))];
        for (call, conditions) in [(libc::SYS_mmap, mmap), (libc::SYS_prlimit64, limits)] {
            let conditions = conditions.map(|(argument, is, value)| {
                SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)
            });
            let conditions =
                conditions.into_iter().collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
            rules.entry(call).or_default().push(SeccompRule::new(conditions).map_err(io::Error::other)?);
        }
        Ok(rules)
    }
}
