//! What all commands that run seeds share: a thread with room for deep stacks, Ctrl-C, and panics that are findings.

use std::process::ExitCode;

use super::bad_input;
use crate::experiment::{Interrupted, Interrupts};
use crate::simulate::{Halt, STACK_BYTES, THREAD};

/// Does the work on a thread for seeds; Ctrl-C halts it.
pub(super) fn until_interrupted(work: impl FnOnce(&Halt) -> ExitCode + Send) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return bad_input(&format!("the system gives no signals: {error}")),
    };
    let halt = Halt::default();
    std::thread::scope(|scope| {
        let (done, mut ended) = tokio::sync::oneshot::channel();
        let halted = &halt;
        let work = move || {
            let ended = work(halted);
            let _ = done.send(());
            ended
        };
        let thread = std::thread::Builder::new().name(THREAD.to_owned());
        let thread = thread.stack_size(STACK_BYTES).spawn_scoped(scope, work).expect("a thread");
        runtime.block_on(async {
            let mut interrupts = Interrupts::listen();
            if let Err(Interrupted) = interrupts.unless(&mut ended).await {
                eprintln!("interrupted; what runs now is the last");
                halt.now();
                let _ = ended.await;
            }
        });
        thread.join().unwrap_or(ExitCode::FAILURE)
    })
}

/// A panic in a simulated run is a finding, and is printed as one; where one seed runs it is told at once as well.
pub(super) fn quiet_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(THREAD) {
            usual(panic);
        }
    }));
}
