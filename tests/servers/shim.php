<?php
// Appended to LocalSettings.php of a throw-away wiki: a copy of its folder is another wiki, and nothing waits for a disk.
$wgJobRunRate = 0;
$wgMainCacheType = $wgParserCacheType = $wgMessageCacheType = CACHE_DB;
$wgEnableUploads = $wgPingback = $wgEnableEmail = false;
$wgServer = $wgCanonicalServer = 'http://127.0.0.1:' . ( getenv( 'MW_PORT' ) ?: '1' );
$wgArticlePath = '/wiki/$1';

$folder = dirname( MW_CONFIG_FILE );
$wgSQLiteDataDir = "$folder/data";
$wgObjectCaches[CACHE_DB]['server']['dbDirectory'] = $wgJobTypeConf['default']['server']['dbDirectory'] =
	$wgLocalisationCacheConf['storeServer']['dbDirectory'] = $wgSQLiteDataDir;
$wgCacheDirectory = "$folder/cache";
$wgLocalisationCacheConf['store'] = 'array';
$quick = [ 'synchronous' => 'OFF', 'temp_store' => 'MEMORY' ];
$wgDBservers = [ [ 'type' => 'sqlite', 'host' => '', 'dbname' => $wgDBname, 'user' => '', 'password' => '', 'load' => 1,
	'dbDirectory' => $wgSQLiteDataDir, 'tablePrefix' => '', 'variables' => $quick ] ];
$wgObjectCaches[CACHE_DB]['server']['variables'] = $wgJobTypeConf['default']['server']['variables'] = $quick;

// A number of seconds in the file "lag" makes real maxlag errors.
$wgHooks['ApiMaxLagInfo'][] = static function ( &$lagInfo ) use ( $folder ) {
	if ( is_file( "$folder/lag" ) ) {
		$lagInfo = [ 'host' => 'db1', 'lag' => (float)file_get_contents( "$folder/lag" ), 'type' => 'db' ];
	}
};
