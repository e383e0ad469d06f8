//! A Slurm of two nodes on this machine's loopback, without systemd and cgroups, as root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What has to be installed, and how.
pub const INSTALL: &str =
    "apt-get install -y --no-install-recommends slurm-wlm munge   (as root, on Debian or Ubuntu)";

/// For [`Slurm::start`]: two GPUs for each node, without a driver.
pub const WITH_GPUS: &str = "GresTypes=gpu";

/// Why a Slurm cannot be started here.
pub fn missing() -> Option<String> {
    let programs = [
        "munged",
        "slurmctld",
        "slurmd",
        "sbatch",
        "squeue",
        "scontrol",
    ];
    let found = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        folders.push("/usr/sbin".into());
        folders.iter().any(|folder| folder.join(name).exists())
    };
    let lacks = programs.into_iter().find(|name| !found(name))?;
    Some(format!("`{lacks}` is not installed: {INSTALL}"))
}

/// A running Slurm, ended with the value.
pub struct Slurm {
    folder: tempfile::TempDir,
    munged: Child,
    controller: Option<Child>,
    nodes: [Option<Child>; 2],
}

impl Slurm {
    /// Starts the daemons and waits until both nodes are idle.
    pub fn start(extra: &str) -> Self {
        // Sockets have short paths.
        let folder = tempfile::Builder::new()
            .prefix("rs")
            .tempdir_in("/tmp")
            .expect("a folder");
        let root = folder.path();
        for name in ["munge", "log", "ctld", "n1", "n2"] {
            fs::create_dir_all(root.join(name)).expect("a folder");
        }
        mode(root, 0o755);
        // munged does not start where others cannot reach its socket.
        mode(&root.join("munge"), 0o711);
        let key: Vec<u8> = (0..1024).map(|byte: u32| (byte * 31 % 251) as u8).collect();
        fs::write(root.join("munge/key"), key).expect("the key");
        mode(&root.join("munge/key"), 0o600);
        let ports = free_ports();
        fs::write(root.join("slurm.conf"), configuration(root, ports, extra)).expect("a file");
        if extra == WITH_GPUS {
            let devices = format!(
                "AutoDetect=off\nName=gpu File={}/gpu[0-1]\n",
                root.display()
            );
            fs::write(root.join("gres.conf"), devices).expect("a file");
            for name in ["gpu0", "gpu1"] {
                fs::write(root.join(name), "").expect("a file");
            }
        }
        let munged = spawn(
            Command::new("munged")
                .arg("--foreground")
                .arg(format!("--key-file={}/munge/key", root.display()))
                .arg(format!("--socket={}/munge/sock", root.display()))
                .arg(format!("--pid-file={}/munge/pid", root.display()))
                .arg(format!("--log-file={}/log/munge.log", root.display()))
                .arg(format!("--seed-file={}/munge/seed", root.display()))
                .stderr(Stdio::null()),
        );
        wait("munged's socket", || root.join("munge/sock").exists());
        let mut slurm = Self {
            munged,
            controller: None,
            nodes: [None, None],
            folder,
        };
        slurm.start_controller();
        slurm.start_node(0);
        slurm.start_node(1);
        wait("two idle nodes", || {
            slurm.ask(&["sinfo", "-h", "-p", "main", "-o", "%T %D"]) == "idle 2"
        });
        slurm
    }

    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    pub fn start_controller(&mut self) {
        self.controller = Some(self.daemon("slurmctld", &["-D"]));
    }

    pub fn start_node(&mut self, node: usize) {
        let name = ["n1", "n2"][node];
        self.nodes[node] = Some(self.daemon("slurmd", &["-D", "-N", name]));
    }

    /// Starts a node with an empty folder in the place of `hidden`.
    pub fn start_node_without(&mut self, node: usize, hidden: &Path) {
        let name = ["n1", "n2"][node];
        let script = format!(
            "mount -t tmpfs none '{}' && exec slurmd -D -N {name}",
            hidden.display()
        );
        self.nodes[node] = Some(self.daemon("unshare", &["-m", "sh", "-c", &script]));
    }

    /// Ends the daemon of a node.
    pub fn end_node(&mut self, node: usize) {
        end(&mut self.nodes[node], false);
    }

    /// Kills the daemon of a node. The processes of its tasks live on.
    pub fn kill_node(&mut self, node: usize) {
        end(&mut self.nodes[node], true);
    }

    pub fn kill_controller(&mut self) {
        end(&mut self.controller, true);
    }

    /// The process of the controller.
    pub fn controller(&self) -> u32 {
        self.controller.as_ref().map_or(0, Child::id)
    }

    pub fn signal_controller(&self, signal: &str) {
        if let Some(controller) = &self.controller {
            kill(signal, controller.id());
        }
    }

    fn daemon(&self, program: &str, args: &[&str]) -> Child {
        let log = fs::File::create(
            self.folder
                .path()
                .join(format!("log/{program}{}.out", args.len())),
        );
        let log = log.expect("a log");
        spawn(
            Command::new(program)
                .args(args)
                .env("SLURM_CONF", self.conf())
                .stderr(log),
        )
    }

    /// The output of a command of Slurm, which must answer.
    pub fn ask(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("the program starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("SLURM_CONF", self.conf());
        command
    }

    /// Waits until no job is left in the queue.
    pub fn wait_until_empty(&self, patience: Duration) {
        let start = Instant::now();
        while !self.ask(&["squeue", "-h", "-t", "PD,R,CG"]).is_empty() {
            assert!(start.elapsed() < patience, "{}", self.state());
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// The queue, for messages.
    pub fn state(&self) -> String {
        self.ask(&["squeue", "-r", "-t", "all"])
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let _ = self.command(&["scancel", "--me"]).output();
        let _ = self
            .command(&["scancel", "--me", "--signal=KILL", "-b"])
            .output();
        thread::sleep(Duration::from_millis(500));
        if let Some(controller) = &self.controller {
            kill("CONT", controller.id());
        }
        end(&mut self.nodes[0], false);
        end(&mut self.nodes[1], false);
        end(&mut self.controller, false);
        let _ = self.munged.kill();
        let _ = self.munged.wait();
        // Copies of the program that are still at work hold the folder.
        let _ = &self.folder;
    }
}

fn end(child: &mut Option<Child>, hard: bool) {
    if let Some(mut child) = child.take() {
        if !hard {
            kill("TERM", child.id());
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(5) {
                if child.try_wait().is_ok_and(|status| status.is_some()) {
                    return;
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Sends a signal to a process of these tests.
pub fn kill(signal: &str, pid: u32) {
    let _ = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status();
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the daemon starts")
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// Waits for something that comes soon.
pub fn wait(what: &str, mut there: impl FnMut() -> bool) {
    let start = Instant::now();
    while !there() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "no sign of {what}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// Ports that nobody listens on now.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}

fn configuration(root: &Path, [controller, n1, n2]: [u16; 3], extra: &str) -> String {
    let root = root.display();
    let gpus = if extra == WITH_GPUS {
        " Gres=gpu:2"
    } else {
        ""
    };
    format!(
        "ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={root}/munge/sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmdParameters=config_overrides
StateSaveLocation={root}/ctld
SlurmdSpoolDir={root}/%n
SlurmctldPidFile={root}/ctld.pid
SlurmdPidFile={root}/slurmd-%n.pid
SlurmctldLogFile={root}/log/ctld.log
SlurmdLogFile={root}/log/slurmd-%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=50000,sched_interval=1,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
KillWait=5
SlurmdTimeout=10
MessageTimeout=5
{extra}
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n1} CPUs=2{gpus} State=UNKNOWN
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={n2} CPUs=2{gpus} State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=5 State=UP
PartitionName=urgent Nodes=n1,n2 MaxTime=INFINITE PriorityTier=10 State=UP
"
    )
}
