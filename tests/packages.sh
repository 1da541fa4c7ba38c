# Read by the setup scripts: `packages update` or `packages install …` is apt-get, which waits.

# Waits up to five minutes where another program holds Debian's packages, and says so. The option
# makes apt-get wait for dpkg's locks alone; those of its lists and its archives are asked for again.
packages() {
    timeout=0
    for _ in $(seq 300); do
        if said=$(LC_ALL=C apt-get -qq --yes -o "DPkg::Lock::Timeout=$timeout" "$@" 2>&1); then
            return 0
        fi
        case $said in
        *"Could not get lock"*) ;;
        *) break ;;
        esac
        if [ "$timeout" = 0 ]; then
            timeout=300
            echo "Waiting up to five minutes, because another program installs packages:"
            echo "$said" | grep "Could not get lock" || true
        fi
        sleep 1
    done
    echo "$said" >&2
    return 1
}
