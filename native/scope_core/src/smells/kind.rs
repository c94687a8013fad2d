//! The kinds of findings: what each is, why it matters, what to do instead, and where the rule comes from.

macro_rules! smells {
    ($($variant:ident = $name:literal, $why:literal, $instead:literal, $source:literal;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Smell { $($variant),* }

        impl Smell {
            pub const ALL: &'static [Smell] = &[$(Smell::$variant),*];

            /// The name in answers.
            pub fn text(self) -> &'static str {
                match self { $(Smell::$variant => $name),* }
            }

            /// Why it is worth a look.
            pub fn why(self) -> &'static str {
                match self { $(Smell::$variant => $why),* }
            }

            /// What to do instead.
            pub fn instead(self) -> &'static str {
                match self { $(Smell::$variant => $instead),* }
            }

            /// Where the rule and its threshold come from.
            pub fn source(self) -> &'static str {
                match self { $(Smell::$variant => $source),* }
            }
        }
    };
}

smells! {
    LongFunction = "long_function",
        "a clause that does not fit on a screen is read in pieces, and does more than one thing",
        "name its steps as private functions, or let heads decide what conditions decide",
        "detekt LongMethod: 60 lines";
    DeepNesting = "deep_nesting",
        "to read the innermost line, all conditions around it must be kept in mind",
        "let heads and guards decide, leave early, use with for a row of steps, or name the inner part",
        "SonarSource S134: 3 levels; counted as nesting_depth, over if unless case cond fn for with";
    LargeModule = "large_module",
        "a module of this size has more than one reason to change",
        "move functions that belong together, with the data they work on, to a module of their own",
        "detekt LargeClass: 600 lines; counted over its functions, without documentation";
    GodModule = "god_module",
        "it is complex, reaches into many other modules, and its functions have little to do with one another",
        "split it along the groups of functions that call one another",
        "Lanza and Marinescu, Object-Oriented Metrics in Practice (2006), God Class: WMC >= 47, ATFD > 5, TCC < 1/3";
    FeatureEnvy = "feature_envy",
        "it works with another module's functions far more than with its own module's",
        "move it, or the part that does so, to the module it works with",
        "Lanza and Marinescu (2006), Feature Envy: ATFD > 5, LAA < 1/3, FDP <= 5";
    ManyParameters = "many_parameters",
        "so many loose values are easily confused at the call, and mostly belong together (primitive obsession)",
        "pass a struct, a map or a keyword list that names them",
        "SonarSource S107: 7 parameters";
    UnusedPrivateFunction = "unused_private_function",
        "nothing that can be called from outside leads to it",
        "delete it; version control keeps it",
        "the Elixir compiler's warning \"function f/1 is unused\"";
    UnreachableClause = "unreachable_clause",
        "an earlier clause matches everything that this one does, so it never runs",
        "move it up, or delete it",
        "the Elixir compiler's warning \"this clause cannot match\"";
    EnumOnePass = "enum_one_pass",
        "two passes build a list in between that nobody needs",
        "use the function that does both in one pass",
        "Credo's Refactor checks FilterCount, FilterFilter, FilterReject, MapInto, MapJoin, MapMap, RejectFilter, RejectReject; the documentation of Enum.flat_map/2, find/2, sort/2 and with_index/2";
    EnumChain = "enum_chain",
        "every step walks its input and builds a whole list for the next one",
        "use Stream for the steps before the last, or one for comprehension or Enum.reduce",
        "the documentation of Stream: \"Composable, lazy enumerables\"; the threshold is a choice of this library";
    NPlusOne = "n_plus_one",
        "one database query for each element of a collection",
        "query all of them at once: a join, preload, a condition with in, insert_all or update_all",
        "Fowler, Patterns of Enterprise Application Architecture (2002), Lazy Load: \"ripple loading\"; Ecto.Query.preload/3";
    ProcessDictionary = "process_dictionary",
        "state that no function shows: results depend on what ran before in this process",
        "pass it as an argument, or keep it in the state of a process, in ETS or in persistent_term",
        "the documentation of Process.put/2 and Erlang's efficiency guide";
    UnsupervisedSpawn = "unsupervised_spawn",
        "when this process fails nobody restarts it, and when the system stops nobody ends it",
        "start it under a supervisor: Task.Supervisor.start_child/2, DynamicSupervisor, or a child specification",
        "OTP design principles; the documentation of Task: \"Dynamically supervised tasks\"";
    BareRescue = "bare_rescue",
        "it swallows every exception, mistakes in the program included",
        "rescue the exceptions that are expected, by name, and let the others end the process",
        "Elixir's anti-patterns and Erlang's \"let it crash\"";
    AtomFromInput = "atom_from_input",
        "atoms are never freed: input that chooses them ends the VM when the table is full",
        "use String.to_existing_atom/1, or map the expected texts to atoms",
        "Sobelow DOS.StringToAtom, DOS.ListToAtom, DOS.BinToAtom; Elixir's code anti-pattern \"Dynamic atom creation\"";
    BlockingCall = "blocking_call",
        "while it waits the process answers nobody: its supervisor in init, all its callers in handle_*",
        "return {:continue, _} from init, answer later with GenServer.reply/2, or let a task wait",
        "the documentation of GenServer: handle_continue/2, reply/2 and \"When (not) to use a GenServer\"";
    CloneExact = "clone_exact",
        "the same code in several places: what is mended in one stays broken in the other",
        "make one function of it",
        "Baxter et al., Clone Detection Using Abstract Syntax Trees (ICSM 1998); type I of Bellon et al. (TSE 2007)";
    CloneRenamed = "clone_renamed",
        "the same code but for names and literals: what is mended in one stays broken in the other",
        "make one function of it, with what differs as arguments",
        "Baxter et al. (ICSM 1998); type II of Bellon et al. (TSE 2007)";
}

impl Smell {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Smell> {
        Smell::ALL.iter().copied().find(|one| one.text() == name)
    }
}

macro_rules! thresholds {
    ($($name:ident = $default:literal for $smell:ident, $doc:literal;)*) => {
        /// What decides; each can be set by name.
        #[derive(Clone, PartialEq, Debug)]
        pub struct Thresholds { $(#[doc = $doc] pub $name: u32),* }

        impl Default for Thresholds {
            fn default() -> Self {
                Thresholds { $($name: $default),* }
            }
        }

        impl Thresholds {
            /// Name, kind, default and meaning of each.
            pub const ALL: &'static [(&'static str, Smell, u32, &'static str)] =
                &[$((stringify!($name), Smell::$smell, $default, $doc)),*];

            /// False when there is none of this name.
            pub fn set(&mut self, name: &str, value: u32) -> bool {
                match name {
                    $(stringify!($name) => self.$name = value,)*
                    _ => return false,
                }
                true
            }

            /// The one that decides on a kind, if one does.
            pub fn of(&self, smell: Smell) -> Option<u32> {
                let values = [$((Smell::$smell, self.$name)),*];
                values.iter().find(|(one, _)| *one == smell).map(|(_, value)| *value)
            }
        }
    };
}

thresholds! {
    long_function_lines = 60 for LongFunction, "lines of code of one clause, at most";
    nesting_levels = 3 for DeepNesting, "levels of nesting in one clause, at most";
    large_module_lines = 600 for LargeModule, "lines of code of all functions of a module, at most";
    god_module_complexity = 47 for GodModule, "cyclomatic complexity of all functions, from which on";
    god_module_foreign = 5 for GodModule, "other modules of the project that it calls, at most";
    god_module_cohesion_percent = 33 for GodModule, "pairs of public functions that are related, at least";
    feature_envy_calls = 5 for FeatureEnvy, "functions of one other module of the project that a function calls, at most";
    parameters = 7 for ManyParameters, "parameters of a function, at most";
    enum_chain_steps = 4 for EnumChain, "steps in a row that each build a list, from which on";
    clone_nodes = 60 for CloneExact, "entries of the syntax tree of a clone, at least";
    clone_renamed_nodes = 120 for CloneRenamed, "entries of the syntax tree of a clone, at least";
    clone_lines = 6 for CloneExact, "lines that a clone stands on, at least";
}
